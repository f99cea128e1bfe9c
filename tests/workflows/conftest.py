"""alir on Milvus Lite with an embedding that needs no weights, a collection a test."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from alir import Alir, Settings
from alir.testing import HashEmbedding


@pytest.fixture(scope="session")
def lite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One Milvus Lite file for all tests here: each start of one costs a second."""
    return tmp_path_factory.mktemp("milvus") / "workflows.db"


@pytest.fixture
async def app(lite_file: Path) -> AsyncIterator[Alir]:
    """An alir of the test's own."""
    settings = Settings.load(milvus_uri=str(lite_file), collection=f"test_{uuid4().hex[:12]}")
    async with Alir(settings, embedding=HashEmbedding(dim=64)) as app:
        yield app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three small documents."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "cats.txt").write_text("Cats sleep most of the day. They hunt at night.\n")
    (folder / "dogs.md").write_text("# Dogs\n\nDogs bark at strangers. Dogs love their owners.\n")
    (folder / "bees.txt").write_text("Bees make honey. A hive has one queen.\n")
    return folder


@pytest.fixture
async def library(app: Alir, folder: Path) -> Alir:
    """alir with the folder ingested."""
    await app.ingest.run(paths=[folder])
    return app
