"""The indexes and properties that a collection gets when it is opened."""

from typing import Any

import pytest
from llama_index.vector_stores.milvus.base import IndexManagement

from alir import AlirMilvusStore
from alir.errors import KeywordSearchUnavailable, MilvusFailed
from tests.milvus.letter_counts import LetterCounts


def test_an_index_is_made_as_its_configuration_says(opened: Any, node: Any, ask: Any) -> None:
    store = opened(
        index_config={"index_type": "IVF_FLAT", "nlist": 7, "index_name": "mine"},
        similarity_metric="L2",
    )
    store.add([node("a")])
    index = store.client.describe_index(store.collection_name, "mine")
    assert (index["index_type"], index["metric_type"], index["nlist"]) == ("IVF_FLAT", "L2", "7")
    assert ask(opened(similarity_metric="L2")) == ["a"]  # and no second one is made
    assert store.client.list_indexes(store.collection_name) == ["mine"]


def test_with_no_validation_the_indexes_are_the_callers(opened: Any, node: Any, ask: Any) -> None:
    store = opened(index_management=IndexManagement.NO_VALIDATION)
    store.add([node("a")])
    client, name = store.client, store.collection_name
    assert client.list_indexes(name) == []
    index = client.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="IP")
    client.create_index(name, index)
    client.load_collection(name)
    assert ask(store) == ["a"]


def test_on_a_server_the_callers_own_sparse_vectors_are_refused_before_anything_is_made(
    opened: Any, milvus_server: Any, node: Any
) -> None:
    store = opened(
        uri=milvus_server.uri,
        enable_sparse=True,
        sparse_embedding_function=LetterCounts(),
    )
    with pytest.raises(KeywordSearchUnavailable):
        store.add([node("a")])
    assert not store.client.has_collection(store.collection_name)


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
