"""alir on one Milvus Lite for all tests of a file, and pymilvus's own look at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pymilvus import MilvusClient

from alir import AlirMilvusStore


@pytest.fixture(scope="module")
def lite_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Milvus Lite file that stays open: each start of one takes a second."""
    path = tmp_path_factory.mktemp("faults") / "milvus.db"
    store = AlirMilvusStore(str(path))
    store.clear()  # opens the file
    yield path
    store.close()


@pytest.fixture(scope="module")
def client(lite_file: Path) -> Iterator[MilvusClient]:
    """pymilvus's client, with nothing of alir's in between."""
    client = MilvusClient(str(lite_file), dedicated=True)
    yield client
    client.close()
