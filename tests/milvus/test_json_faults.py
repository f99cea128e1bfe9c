"""A node that JSON cannot carry is refused by its id, the field and the reason."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.errors import NodeRefused
from alir.milvus.json_faults import MAX_DEPTH, fault_in
from alir.milvus.rows import to_row

LOOP: dict[str, Any] = {}
LOOP["again"] = LOOP
DEEP: list[Any] = []
for _ in range(2000):
    DEEP = [DEEP]

HALF = "half a character"


def refused(node: TextNode) -> NodeRefused:
    with pytest.raises(NodeRefused) as error:
        to_row(node, text_key="text", doc_id_field="doc_id", dim=2, fields=["id", "text"])
    return error.value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**70, "more than 64 bits"),
        (-(2**63) - 1, "more than 64 bits"),
        ({"a": [1, 2**64]}, "more than 64 bits"),
        ("a\ud800", HALF),
        (["\udfff"], HALF),
        ({"\ud800": 1}, HALF),
        (b"\xff\xfe", "no UTF-8 text"),
        (object(), "a object"),
        (len, "a builtin_function_or_method"),
        (LOOP, f"more than {MAX_DEPTH} deep"),
        (DEEP, f"more than {MAX_DEPTH} deep"),
    ],
)
def test_the_metadata_s_key_and_the_reason_are_named(value: Any, reason: str) -> None:
    node = TextNode(id_="n1", text="t", embedding=[1.0, 0.0])
    node.metadata = {"fine": 1, "wrong": value}

    error = refused(node)

    assert error.node_id == "n1"
    assert "metadata 'wrong'" in error.problem
    assert reason in error.problem


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("id_", "a\ud800", f"its id is text with {HALF}"),
        ("id_", 3, "its id is 3, not text"),
        ("id_", None, "its id is None, not text"),
        ("metadata", {"\ud800": 1}, f"a key of its metadata is text with {HALF}"),
    ],
)
def test_another_field_is_named(field: str, value: Any, told: str) -> None:
    node = TextNode(id_="n1", text="t", embedding=[1.0, 0.0])
    vars(node)[field] = value

    assert told in refused(node).problem


def test_a_text_with_half_a_character_is_refused_before_anything_is_sent() -> None:
    node = TextNode(id_="n1", text="a\ud800", embedding=[1.0, 0.0])

    assert f"its text is text with {HALF}" in refused(node).problem


def test_what_is_wrong_in_a_relationship_is_named() -> None:
    node = TextNode(id_="n1", text="t", embedding=[1.0, 0.0])
    node.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(
        node_id="n2", metadata={"wrong": 2**70}
    )

    assert "relationships 'wrong' holds a whole number" in refused(node).problem


FINE = [
    1,
    2**63,
    None,
    True,
    0.5,
    "Ünï",
    [1, {"a": (2,)}],
    {1, 2},
    b"text",
    np.int64(1),
    np.ones(3),
]


@pytest.mark.parametrize("value", [*FINE, Path("/a"), Decimal("1.5")], ids=repr)
def test_in_what_json_can_carry_there_is_no_fault(value: Any) -> None:
    assert fault_in(value) is None
