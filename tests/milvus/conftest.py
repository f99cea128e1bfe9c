"""Where a store lives in these tests: a Milvus Lite file, and a real server; and what is in it."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

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


@pytest.fixture
def opened(lite_file: Path) -> Iterator[Callable[..., AlirMilvusStore]]:
    """Open stores on a collection of the test's own: on Milvus Lite, or where `uri` says."""
    name = f"options_{uuid4().hex[:12]}"
    stores: list[AlirMilvusStore] = []

    def make(**options: Any) -> AlirMilvusStore:
        options = {"uri": str(lite_file), "collection_name": name, "dim": 2} | options
        stores.append(AlirMilvusStore(**options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def node() -> Callable[..., TextNode]:
    """Make a node whose vector is the place of its name's first letter on a circle."""

    def make(name: str, text: str = "", **metadata: Any) -> TextNode:
        angle = {"a": [1.0, 0.0], "b": [0.8, 0.6], "c": [0.0, 1.0]}[name[0]]
        return TextNode(
            id_=name,
            text=text or f"The text of {name}.",
            embedding=angle,
            metadata=metadata,
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="document")},
        )

    return make


@pytest.fixture
def answer() -> Callable[..., VectorStoreQueryResult]:
    """Query a store with the vector of `a`, and with a text where the mode wants one."""

    def find(
        store: Any, mode: str = "default", text: str = "", **options: Any
    ) -> VectorStoreQueryResult:
        query = VectorStoreQuery(
            query_embedding=[1.0, 0.0],
            query_str=text,
            similarity_top_k=5,
            mode=VectorStoreQueryMode(mode),
        )
        result: VectorStoreQueryResult = store.query(query, **options)
        return result

    return find


@pytest.fixture
def ask(answer: Callable[..., VectorStoreQueryResult]) -> Callable[..., list[str]]:
    """The ids of what `answer` finds."""
    return lambda store, *mode_and_text, **options: list(
        answer(store, *mode_and_text, **options).ids or []
    )
