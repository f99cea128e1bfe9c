"""The rest of Milvus, on a store's connection."""

from typing import Any

import pytest

from alir.errors import MilvusFailed


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
