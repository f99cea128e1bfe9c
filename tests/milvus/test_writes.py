"""Nodes that become rows, and nodes that are refused."""

from typing import Any

import numpy as np
import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    MetadataFilter,
    MetadataFilters,
)
from pymilvus import DataType

from alir.errors import (
    CollectionMismatch,
    InvalidSetting,
    NodeRefused,
)
from tests.milvus.nodes import fruit, node


async def test_the_dimension_can_come_from_the_first_node(make_store: Any) -> None:
    store = make_store(dim=None)
    await store.async_add(fruit())
    with pytest.raises(NodeRefused, match="3 dimensions, the collection 4"):
        await store.async_add([node("plum", [1.0, 2.0, 3.0])])


REFUSED = [
    (node("short", [1.0, 2.0]), "2 dimensions, the collection 4"),
    (node("nan", [float("nan"), 0.0, 0.0, 0.0]), "NaN"),
    (node("large", [1.0, 0.0, 0.0, 0.0], blob="x" * 40_000), "metadata takes"),
    (node("it's", [1.0, 0.0, 0.0, 0.0]), "apostrophe"),
    (node("key", [1.0, 0.0, 0.0, 0.0], **{"$meta": 1}), "Milvus's own"),
    (node("line\nbreak", [1.0, 0.0, 0.0, 0.0]), "line break"),
    (TextNode(id_="bare", text="no vector"), "no embedding"),
    (TextNode(id_="long", text="é" * 33_000, embedding=[1.0, 0.0, 0.0, 0.0]), "66000 bytes"),
]


async def test_a_node_milvus_cannot_keep_is_refused_and_nothing_is_written(
    make_store: Any,
) -> None:
    store = make_store()
    await store.async_add(fruit()[:1])
    for bad, why in REFUSED:
        with pytest.raises(NodeRefused, match=why) as refused:
            await store.async_add([*fruit()[1:], bad])
        assert refused.value.node_id == bad.node_id
    assert await store.count() == 1


def test_scalar_fields_are_fields_of_the_schema_filled_from_the_metadata(
    opened: Any, node: Any, ask: Any
) -> None:
    scalars = {
        "scalar_field_names": ["weight", "colour"],
        "scalar_field_types": [DataType.INT64, DataType.VARCHAR],
    }
    store = opened(**scalars)
    store.add([node("a", weight=3, colour="red", rest=1), node("b", weight=1, colour="blue")])
    fields = store.client.describe_collection(store.collection_name)["fields"]
    assert {"weight": DataType.INT64, "colour": DataType.VARCHAR}.items() <= {
        one["name"]: one["type"] for one in fields
    }.items()
    heavy = MetadataFilters(filters=[MetadataFilter(key="weight", value=2, operator=">")])
    for reader in (store, opened()):
        [found] = reader.get_nodes(filters=heavy)
        assert (found.node_id, found.metadata) == ("a", {"weight": 3, "colour": "red", "rest": 1})
    for bad in (node("c", weight=1), node("c", weight=1, colour=None)):
        with pytest.raises(NodeRefused, match="no 'colour', a field of the schema"):
            store.add([bad])
    with pytest.raises(CollectionMismatch, match="has no field 'height'"):
        ask(opened(scalar_field_names=["height"], scalar_field_types=[DataType.INT64]))


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


def test_numbers_and_arrays_of_numpy_and_bytes_are_stored_as_pythons_own(opened: Any) -> None:
    store = opened(dim=4)
    metadata = {
        "count": np.int64(3),
        "share": np.float32(1.5),
        "new": np.bool_(True),
        "row": np.array([1, 2]),
        "tag": b"red",
        "deep": {"inside": [np.float64(0.5)]},
    }
    apple = fruit()[0]
    apple.metadata = metadata
    apple.embedding = np.array([1.0, 0.0, 0.0, 0.0])
    store.add([apple])

    assert store.get_nodes(["apple"])[0].metadata == {
        "count": 3,
        "share": 1.5,
        "new": True,
        "row": [1, 2],
        "tag": "red",
        "deep": {"inside": [0.5]},
    }


@pytest.mark.parametrize("what", ["a", None, 3], ids=repr)
def test_what_is_no_node_is_refused(opened: Any, what: Any) -> None:
    with pytest.raises(NodeRefused, match="no node"):
        opened(dim=4).add([*fruit(), what])
