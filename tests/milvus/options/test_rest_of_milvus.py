"""What lies beyond one collection of nodes: clients, properties, partitions and databases."""

from typing import Any

import pytest

from alir import AlirMilvusStore
from alir.errors import InvalidSetting, MilvusFailed


async def test_the_clients_reach_the_rest_of_milvus(opened: Any, node: Any) -> None:
    store = opened()
    await store.async_add([node("a")])
    name = store.collection_name
    assert name in await store.aclient.list_collections()
    assert (await store.aclient.get(name, ids=["a"]))[0]["id"] == "a"
    with pytest.raises(MilvusFailed, match="collection not found"):
        await store.aclient.describe_collection("nothing", timeout=2)
    with pytest.raises(AttributeError, match=r"`store\.connection`"):
        _ = store.aclient.is_lite
    await store.aclient.close()
    assert await store.count() == 1


def test_partitions_are_refused_on_milvus_lite_which_puts_everything_in_one(
    opened: Any, node: Any, ask: Any
) -> None:
    store = opened()
    store.add([node("a")])
    for call in (
        lambda: store.add([node("b")], milvus_partition_name="p"),
        lambda: store.delete("document", milvus_partition_name="p"),
        lambda: store.delete_nodes(["a"], milvus_partition_name="p"),
        lambda: store.get_nodes(["a"], milvus_partition_names=["p"]),
        lambda: ask(store, milvus_partition_names=["p"]),
    ):
        with pytest.raises(InvalidSetting, match="milvus_partition_name"):
            call()
    assert ask(store) == ["a"]


def test_on_a_server_properties_partitions_and_databases_are_what_they_are_there(
    opened: Any, milvus_server: Any, node: Any, ask: Any
) -> None:
    def at_server(**options: Any) -> AlirMilvusStore:
        store: AlirMilvusStore = opened(uri=milvus_server.uri, **options)
        return store

    def properties(store: AlirMilvusStore) -> dict[str, str]:
        found: dict[str, str] = store.client.describe_collection(store.collection_name)[
            "properties"
        ]
        return found

    store = at_server(collection_properties={"collection.ttl.seconds": 3600})
    store.add([node("a")], force_flush=True)
    assert properties(store) == {"collection.ttl.seconds": "3600"}
    again = at_server(collection_properties={"collection.ttl.seconds": 7200})
    assert ask(again) == ["a"]
    assert properties(store) == {"collection.ttl.seconds": "7200"}

    store.client.create_partition(store.collection_name, "p")
    store.add([node("b")], milvus_partition_name="p")
    assert ask(store) == ["a", "b"]
    assert ask(store, milvus_partition_names=["p"]) == ["b"]
    got = store.get_nodes(["a", "b"], milvus_partition_names=["p"])
    assert [one.node_id for one in got] == ["b"]
    store.delete("document", milvus_partition_name="p")
    assert ask(store) == ["a"]
    store.delete_nodes(["a"], milvus_partition_name="p")
    assert ask(store) == ["a"]
    with pytest.raises(MilvusFailed, match="partition not found"):
        store.add([node("c")], milvus_partition_name="q")

    with pytest.raises(MilvusFailed, match="database:other not found"):
        at_server(db_name="other").add([node("c")])
    store.client.create_database("other")
    at_server(db_name="other").add([node("c")])
    assert ask(at_server(db_name="other")) == ["c"]
    assert ask(store) == ["a"]
