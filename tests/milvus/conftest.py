"""Where a store lives in these tests: a Milvus Lite file, and a real server."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from alir import AlirMilvusStore

MakeStore = Callable[..., AlirMilvusStore]


@pytest.fixture(scope="session")
def lite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One Milvus Lite file for all tests here: each start of one costs a second."""
    return tmp_path_factory.mktemp("milvus") / "store.db"


@pytest.fixture(params=["lite", "server"])
def uri(request: pytest.FixtureRequest) -> str:
    """The address of a Milvus; every test has a collection of its own there."""
    if request.param == "lite":
        return str(request.getfixturevalue("lite_file"))
    return str(request.getfixturevalue("milvus_server").uri)


@pytest.fixture
async def make_store(uri: str) -> AsyncIterator[MakeStore]:
    """Open stores at `uri`, on a collection of the test's own; they are closed after it."""
    collection = f"test_{uuid4().hex[:12]}"
    stores: list[AlirMilvusStore] = []

    def make(**options: Any) -> AlirMilvusStore:
        options = {"collection_name": collection, "dim": 4, "enable_sparse": None} | options
        store = AlirMilvusStore(uri, **options)
        stores.append(store)
        return store

    yield make
    for store in stores:
        await store.aclose()
