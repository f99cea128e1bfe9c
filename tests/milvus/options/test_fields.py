"""The options of fields: those of the schema, those that come with a node, filters on them."""

from typing import Any

import pytest
from llama_index.core.vector_stores.types import (
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)
from llama_index.vector_stores.milvus.utils import FilterOperatorFunction
from pymilvus import DataType

from alir.errors import CollectionMismatch, NodeRefused


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


def test_output_fields_come_besides_the_node(opened: Any, node: Any, answer: Any) -> None:
    opened().add([node("a", colour="red")])
    [plain] = answer(opened()).nodes
    assert (plain.metadata, plain.embedding) == ({"colour": "red"}, None)
    store = opened(output_fields=["doc_id", "embedding", "no such field"])
    for found in (*answer(store).nodes, *store.get_nodes(["a"])):
        assert found.metadata == {"colour": "red", "doc_id": "document"}
        assert found.embedding == [1.0, 0.0]
        assert (found.node_id, found.text) == ("a", "The text of a.")
    query = VectorStoreQuery(query_embedding=[1.0, 0.0], output_fields=["ref_doc_id"])
    [found] = store.query(query).nodes
    assert found.metadata == {"colour": "red", "ref_doc_id": "document"}
    everything = opened(output_fields=["*"])
    [found] = answer(everything).nodes
    assert (found.metadata, found.embedding) == ({"colour": "red"}, [1.0, 0.0])


def test_a_row_that_llama_index_did_not_write_has_the_output_fields_as_metadata(
    opened: Any, node: Any
) -> None:
    store = opened(output_fields=["colour"])
    store.add([node("a")])
    row = {"id": "b", "doc_id": "d", "text": "by hand", "embedding": [1.0, 0.0], "colour": "red"}
    store.client.insert(store.collection_name, [row | {"other": 1}])
    [found] = store.get_nodes(["b"])
    assert (found.text, found.metadata) == ("by hand", {"colour": "red"})


def test_milvus_scalar_filters_restrict_a_query(opened: Any, node: Any, ask: Any) -> None:
    store = opened()
    store.add([node("a", tags=["x", "y"]), node("b", tags=["y"]), node("c")])

    def having(operator: FilterOperatorFunction, value: Any) -> list[str]:
        given = [{"key": "tags", "value": value, "operator": operator}]
        return ask(store, milvus_scalar_filters=given)

    assert having(FilterOperatorFunction.ARRAY_CONTAINS, "x") == ["a"]
    assert having(FilterOperatorFunction.ARRAY_CONTAINS_ANY, ["x", "y"]) == ["a", "b"]
    assert having(FilterOperatorFunction.ARRAY_CONTAINS_ALL, ["x", "y"]) == ["a"]
    assert having(FilterOperatorFunction.ARRAY_LENGTH, 1) == ["b"]
    assert having(FilterOperatorFunction.NARRAY_LENGTH, 1) == ["a", "c"]
