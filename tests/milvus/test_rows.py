"""A node's row is what LlamaIndex itself would write of the node."""

from datetime import UTC, date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.schema import (
    BaseNode,
    ImageNode,
    NodeRelationship,
    ObjectType,
    RelatedNodeInfo,
    TextNode,
)

from alir.milvus.rows import to_node, to_row

FIELDS = ["id", "text", "doc_id", "embedding"]


class Colour(Enum):
    RED = "red"


PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text()
OTHER = st.sampled_from(
    [
        datetime(2026, 11, 22, 19, 36, tzinfo=UTC),
        datetime(2026, 11, 22, 19, 36, 1, 5),
        date(2026, 11, 22),
        UUID(int=7),
        Colour.RED,
        ("a", 1),
        {"inner": [1, {"of": None}]},
        {3: "a key that is no text"},
        b"bytes",
    ]
)
METADATA = st.dictionaries(st.text(min_size=1).filter(lambda key: key != "$meta"), PLAIN | OTHER)
RELATED = st.builds(
    RelatedNodeInfo,
    node_id=st.text(alphabet="abc", min_size=1),
    node_type=st.none() | st.sampled_from(ObjectType),
    metadata=METADATA,
    hash=st.none() | st.text(),
)
NODES = st.builds(
    TextNode,
    text=st.text(max_size=50),
    metadata=METADATA,
    excluded_embed_metadata_keys=st.lists(st.text()),
    relationships=st.dictionaries(st.just(NodeRelationship.SOURCE), RELATED)
    | st.dictionaries(st.just(NodeRelationship.NEXT), RELATED)
    | st.dictionaries(st.just(NodeRelationship.CHILD), st.lists(RELATED)),
    start_char_idx=st.none() | st.integers(0, 1000),
)


def written(node: BaseNode) -> dict[str, Any]:
    row = to_row(node, text_key="text", doc_id_field="doc_id", dim=None, fields=FIELDS)
    return {**row.columns, **orjson.loads(row.dynamic)}


def as_llama_index_writes(node: BaseNode) -> dict[str, Any]:
    """The node's own JSON, without its text and vector."""
    content = node.model_dump(mode="json", exclude={"embedding", "text", "text_resource"})
    found: dict[str, Any] = orjson.loads(orjson.dumps(content))
    return found | {"embedding": None, "text": ""}


@given(NODES)
def test_the_content_of_a_row_is_the_json_llama_index_makes_of_the_node(node: TextNode) -> None:
    row = written(node)
    assert orjson.loads(row["_node_content"]) == as_llama_index_writes(node)
    for key, value in as_llama_index_writes(node)["metadata"].items():
        if key not in {"id", "text", "_node_content", "_node_type"} and "doc" not in key:
            assert row[key] == value


@given(NODES)
def test_a_node_comes_back_from_its_row_as_llama_index_reads_it(node: TextNode) -> None:
    row = written(node)
    content = as_llama_index_writes(node) | {"text": node.text}
    assert to_node(row, node.node_id, text_key="text") == TextNode(**content)


def test_a_key_that_is_no_text_becomes_text() -> None:
    node = TextNode(text="t")
    node.metadata[3] = "three"  # type: ignore[index]  what a caller may do all the same
    assert written(node)["3"] == "three"


@pytest.mark.parametrize("node", [ImageNode(text="t", image_url="http://a/b.png")])
def test_a_node_of_another_class_keeps_its_own_fields(node: BaseNode) -> None:
    row = written(node)
    assert row["_node_type"] == "ImageNode"
    assert orjson.loads(row["_node_content"]) == as_llama_index_writes(node)
