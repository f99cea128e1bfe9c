"""Closing a store while it is in use, on Milvus Lite."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from alir import AlirMilvusStore

VECTOR = [1.0, 0.0, 0.0, 0.0]


def nodes(count: int) -> list[TextNode]:
    return [TextNode(id_=f"{n}", text=f"word{n}", embedding=VECTOR) for n in range(count)]


def is_open(path: Path) -> bool:
    """Whether Milvus Lite serves the file at `path`, as it does while a connection is open."""
    children = psutil.Process().children(recursive=True)
    return any(str(path.resolve()) in child.cmdline() for child in children)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "closing.db"


@pytest.fixture
async def store(path: Path, request: pytest.FixtureRequest) -> AsyncIterator[AlirMilvusStore]:
    options = {"dim": 4, "enable_sparse": True, "batch_size": 5} | getattr(request, "param", {})
    store = AlirMilvusStore(str(path), **options)
    yield store
    await store.aclose()


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_closing_waits_for_writes_that_are_under_way_or_wait(
    store: AlirMilvusStore, path: Path
) -> None:
    await store.async_add(nodes(1))
    adds = [asyncio.create_task(store.async_add([node])) for node in nodes(100)]
    await turns(3)
    await store.aclose()
    assert [add.done() for add in adds] == [True] * 100
    assert not is_open(path)
    assert [await add for add in adds] == [[f"{n}"] for n in range(100)]
    assert await store.count() == 101


async def test_closing_waits_for_the_add_that_makes_the_collection(
    store: AlirMilvusStore, path: Path
) -> None:
    add = asyncio.create_task(store.async_add(nodes(1), force_flush=True))
    await turns(1)
    await store.aclose()
    assert add.done()
    assert not is_open(path)
    assert await add == ["0"]


async def test_closing_waits_for_searches_of_every_kind(store: AlirMilvusStore, path: Path) -> None:
    await store.async_add(nodes(3))
    modes = [VectorStoreQueryMode(name) for name in ("default", "hybrid", "sparse", "mmr")]
    queries = [
        VectorStoreQuery(query_embedding=VECTOR, query_str="word1", similarity_top_k=1, mode=mode)
        for mode in modes * 20
    ]
    searches: list[asyncio.Task[Any]] = [asyncio.create_task(store.aquery(q)) for q in queries]
    searches += [asyncio.create_task(store.aget_nodes(node_ids=["1"])) for _ in range(20)]
    await turns(3)
    await store.aclose()
    assert [search.done() for search in searches] == [True] * 100
    assert not is_open(path)
    for search in searches:
        assert len(getattr(search.result(), "nodes", search.result())) == 1


@pytest.mark.parametrize("store", [{"upsert_mode": True}], indirect=True)
async def test_closing_waits_for_writes_under_way_whose_callers_have_gone(
    store: AlirMilvusStore, path: Path
) -> None:
    await store.async_add(nodes(1))
    adds = [asyncio.create_task(store.async_add(nodes(5))) for _ in range(2)]
    await turns(3)
    for add in adds:
        add.cancel()
    await store.aclose()
    assert all(add.cancelled() for add in adds)
    assert not is_open(path)
    assert await store.count() == 5


def test_closing_without_an_event_loop_closes_until_the_next_call(path: Path) -> None:
    store = AlirMilvusStore(str(path), dim=4)
    store.add(nodes(1))
    store.close()
    assert not is_open(path)
    assert store.query(VectorStoreQuery(query_embedding=VECTOR, similarity_top_k=1)).ids == ["0"]
    store.close()
