"""The store in code without an event loop."""

import asyncio

import pytest

from alir import AlirMilvusStore
from tests.milvus.nodes import fruit, nearest


def test_the_same_store_works_without_an_event_loop_and_from_several(
    uri: str, request: pytest.FixtureRequest
) -> None:
    store = AlirMilvusStore(uri, collection_name=f"sync_{id(request)}", dim=4)
    assert store.add(fruit()) == ["apple", "banana", "cherry"]
    for _ in range(2):
        found = asyncio.run(store.aquery(nearest([1.0, 0.0, 0.0, 0.0], top_k=1)))
        assert found.ids == ["apple"]
    assert store.query(nearest([0.0, 1.0, 0.0, 0.0], top_k=1)).ids == ["banana"]
    store.delete("garden")
    store.delete_nodes(node_ids=["nothing"])
    assert [one.node_id for one in store.get_nodes(node_ids=["apple", "banana"])] == ["banana"]
    store.clear()
    store.close()
