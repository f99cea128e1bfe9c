"""What a name means: one collection at a time, on Milvus Lite and on a server."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery

from alir import AlirMilvusStore
from alir.errors import CollectionMismatch, FingerprintMismatch
from alir.milvus.collection.aliases import aliases_of, collections_of, version_number
from alir.testing import MilvusServer

LITE = pytest.mark.parametrize("uri", ["lite"], indirect=True)
"""Where a server would do no other thing."""
MakeStore = Callable[..., AlirMilvusStore]


@pytest.fixture
def name() -> str:
    return f"test_{uuid4().hex[:12]}"


@pytest.fixture
def store_of(make_store: MakeStore, name: str) -> MakeStore:
    """Open a store of the index `name`, made with a model."""

    def opened(model: str, *, collection: str = name, **options: Any) -> AlirMilvusStore:
        made_with = {"index": name, "embedding_model": model}
        return make_store(
            collection_name=collection, fingerprint=lambda: made_with, dim=None, **options
        )

    return opened


async def put(store: AlirMilvusStore, text: str, dim: int = 4) -> None:
    await store.async_add([TextNode(id_="one", text=text, embedding=[1.0] * dim)])


async def asked(store: AlirMilvusStore, dim: int = 4) -> str:
    """What a question finds, however long ago the last one was."""
    store._collection._look_at = 0.0
    found = await store.aquery(VectorStoreQuery(query_embedding=[1.0] * dim, similarity_top_k=9))
    assert found.nodes is not None
    [node] = found.nodes
    return node.get_content()


def switched(store: AlirMilvusStore, name: str, collection: str) -> Any:
    connection = store.connection
    return connection.begin_attempts(partial(aliases_of(connection, name).switch_to, collection))


async def test_a_store_goes_over_to_what_its_name_means_if_that_suits(
    store_of: MakeStore, name: str
) -> None:
    reader = store_of("a", is_alias=True)
    await put(reader, "old")
    new = store_of("a", collection=f"{name}__7")
    await put(new, "new")
    assert await asked(reader) == "old"

    await switched(reader, name, f"{name}__7")
    assert await asked(reader) == "new"
    assert [*await collections_of(reader.connection, name)] == sorted(
        [f"{name}__7", name if reader.connection.is_lite else f"{name}__1"]
    )


@LITE
async def test_a_store_of_another_model_stays_where_it_is_until_that_is_dropped(
    store_of: MakeStore, name: str
) -> None:
    old, new = store_of("a", is_alias=True), store_of("b", collection=f"{name}__7")
    await put(old, "old")
    await put(new, "new", dim=3)
    await switched(old, name, f"{name}__7")

    assert await asked(old) == "old"
    assert await asked(store_of("b", is_alias=True), dim=3) == "new"
    with pytest.raises(FingerprintMismatch, match="the embedding model b, not a"):
        await old.live()
    assert await asked(old) == "old"
    with pytest.raises(FingerprintMismatch, match="alir rebuild"):
        await asked(store_of("a", is_alias=True))

    known = aliases_of(old.connection, name)
    previous = await known.previous_collection()
    assert previous is not None
    await known.release_collection(previous)
    await new.aclient.drop_collection(previous)
    assert await known.previous_collection() is None
    with pytest.raises(CollectionMismatch, match="the embedding model b, not a"):
        await asked(old)


@LITE
async def test_a_dropped_collection_is_not_missed_by_who_can_go_over(
    store_of: MakeStore, name: str
) -> None:
    reader, new = store_of("a", is_alias=True), store_of("a", collection=f"{name}__7")
    await put(reader, "old")
    await put(new, "new")
    await switched(reader, name, f"{name}__7")
    await new.aclient.drop_collection(
        await aliases_of(reader.connection, name).previous_collection()
    )
    found = await reader.aget_nodes(node_ids=["one"])  # it has not looked yet
    assert [node.get_content() for node in found] == ["new"]


@LITE
async def test_clearing_an_index_drops_all_that_its_name_has_meant(
    store_of: MakeStore, name: str
) -> None:
    store = store_of("a", is_alias=True)
    await put(store, "old")
    await put(store_of("a", collection=f"{name}__7"), "new")
    await switched(store, name, f"{name}__7")
    await store.aclear()
    assert await collections_of(store.connection, name) == {}
    assert await aliases_of(store.connection, name).live_collection() is None
    await put(store, "again")
    assert await asked(store) == "again"


@LITE
async def test_somebody_else_s_collection_of_such_a_name_is_none_of_an_index(
    make_store: MakeStore, store_of: MakeStore, name: str
) -> None:
    await put(store_of("a", is_alias=True), "ours")
    theirs = make_store(collection_name=f"{name}__3")
    await put(theirs, "theirs")
    assert f"{name}__3" not in await collections_of(theirs.connection, name)
    assert version_number(f"{name}__3", name) == 3
    assert version_number(f"{name}_3", name) is None


async def test_a_collection_of_that_very_name_becomes_an_alias_under_open_eyes(
    milvus_server: MilvusServer, name: str
) -> None:
    opened = partial(AlirMilvusStore, milvus_server.uri, "", dim=4, enable_sparse=None)
    plain = opened(name)
    await put(plain, "old")
    reader, idle = opened(name, is_alias=True), opened(name, is_alias=True)
    assert (await asked(reader), await asked(idle)) == ("old", "old")
    known = aliases_of(reader.connection, name)

    found = {await asked(reader)}

    async def ask_all_the_while() -> None:
        while True:
            found.add(await asked(reader))

    asking = asyncio.create_task(ask_all_the_while())
    assert await known.prepare_switch()
    assert not await known.prepare_switch()
    await asyncio.sleep(0.05)
    assert not asking.done(), "in the gap, too, the old index is found"
    asking.cancel()
    assert found == {"old"}
    assert await known.live_collection() == f"{name}__0"
    assert await known.previous_collection() is None
    assert (await asked(reader), await asked(plain)) == ("old", "old")

    await put(opened(f"{name}__1"), "new")
    await known.switch_to(f"{name}__1")
    assert (await asked(reader), await asked(idle)) == ("new", "new")
    assert await known.previous_collection() == f"{name}__0"

    # Between its two calls a process died: the name means nothing, and its index is found.
    await known.switch_to(f"{name}__0")
    await plain.aclient.alter_alias(f"{name}__0", f"{name}__previous")
    await plain.aclient.drop_alias(name)
    assert await known.live_collection() == f"{name}__0"
    assert await asked(reader) == "old"
    assert not await known.prepare_switch()
    assert await asked(plain) == "old"
    for store in (plain, reader, idle):
        await store.aclose()
