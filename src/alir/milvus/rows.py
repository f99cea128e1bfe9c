"""Nodes as Milvus rows and back, in the format of LlamaIndex's own `MilvusVectorStore`."""

import math
import reprlib
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
import orjson
from llama_index.core.schema import BaseNode, MetadataMode, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node
from pydantic_core import to_jsonable_python

from alir.errors import NodeRefused
from alir.milvus.json_faults import HALF_A_CHARACTER, fault_of, is_whole

ID_FIELD = "id"
NODE_FIELDS = ["_node_content", "_node_type"]
DYNAMIC_FIELD = "$meta"
"""Where Milvus keeps the fields that the schema does not name."""

MAX_VARCHAR_BYTES = 65_535
"""Milvus's limit for one VARCHAR value; Milvus Lite does not check it, so we do."""
MAX_DYNAMIC_BYTES = 65_536
"""Milvus's limit for the dynamic fields of one row together."""

_PLAIN = {str, int, float, bool, type(None)}
_KEYS = {str}


@dataclass(slots=True)
class Row:
    """A node in the form in which it is sent."""

    id: str
    columns: dict[str, Any]
    """Values of the fields that the collection's schema names, without the embedding."""
    embedding: bytes
    """(dim,) float32; empty in a collection without dense vectors."""
    dynamic: bytes
    """Every other field, as one JSON object."""
    size_bytes: int
    """An upper bound."""


def to_row(
    node: BaseNode, *, text_key: str, doc_id_field: str, dim: int | None, fields: Collection[str]
) -> Row:
    """Return the row of `node`: its text, its embedding ((dim,) floats), its metadata.

    Args:
        fields: names that the collection's schema knows; all else goes into the dynamic field.

    Raises:
        NodeRefused: the embedding is missing, of another dimension or not finite, or a field is
            larger than Milvus stores, or no JSON value.
    """
    try:
        return _row(node, text_key, doc_id_field, dim, fields)
    except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
        raise NodeRefused(str(node.node_id), fault_of(node)) from error


def _row(
    node: BaseNode, text_key: str, doc_id_field: str, dim: int | None, fields: Collection[str]
) -> Row:
    if not isinstance(node.node_id, str):
        raise TypeError(node.node_id)
    embedding = b"" if dim is None else _embedding(node, dim)
    text = node.get_content(metadata_mode=MetadataMode.NONE)
    content = _content(node)
    source = node.ref_doc_id or "None"
    values = {
        **content["metadata"],
        "_node_content": orjson.dumps(content).decode(),
        "_node_type": node.class_name(),
        "document_id": source,
        "doc_id": source,
        "ref_doc_id": source,
        doc_id_field: source,
        text_key: text,
        ID_FIELD: node.node_id,
    }
    if DYNAMIC_FIELD in values:
        raise NodeRefused(node.node_id, f"its metadata has the key {DYNAMIC_FIELD}, Milvus's own")
    columns = {name: values.pop(name) for name in fields if name in values}
    dynamic = orjson.dumps(values)
    _check(node, text, source, len(dynamic))
    size_bytes = len(embedding) + 4 * len(text) + len(dynamic)
    return Row(node.node_id, columns, embedding, dynamic, size_bytes)


def to_rows(
    nodes: Sequence[BaseNode],
    *,
    text_key: str,
    doc_id_field: str,
    dim: int | None,
    fields: Collection[str],
) -> list[Row]:
    """Return the rows of `nodes`; see `to_row`."""
    for node in nodes:
        if not isinstance(node, BaseNode):
            raise NodeRefused(reprlib.repr(node), "it is no node of LlamaIndex")
    return [
        to_row(node, text_key=text_key, doc_id_field=doc_id_field, dim=dim, fields=fields)
        for node in nodes
    ]


def to_nodes(
    rows: Sequence[Mapping[str, Any]], ids: Sequence[str], *, text_key: str
) -> list[BaseNode]:
    """Return the nodes that rows with these ids hold; see `to_node`."""
    return [to_node(row, one, text_key=text_key) for row, one in zip(rows, ids, strict=True)]


def to_node(row: Mapping[str, Any], node_id: str, *, text_key: str) -> BaseNode:
    """Return the node a row holds; a row not written by LlamaIndex becomes a plain `TextNode`."""
    text, content = row.get(text_key), row.get("_node_content")
    if content is not None and row.get("_node_type") == "TextNode":
        # What `metadata_dict_to_node` does with it, at half its cost.
        values = orjson.loads(content)
        values["text"] = text or ""
        return TextNode(**values)
    if content is not None:
        return metadata_dict_to_node(dict(row), text=text)
    metadata = {key: value for key, value in row.items() if key not in {text_key, ID_FIELD}}
    return TextNode(id_=node_id, text=text or "", metadata=metadata)


def _content(node: BaseNode) -> dict[str, Any]:
    """Return what LlamaIndex writes of `node` besides its text and vector, as JSON values."""
    blank = {"embedding": None, "text": ""}
    if type(node) is not TextNode:
        content = node.model_dump(
            mode="json", exclude={"embedding", "text", "text_resource"}, fallback=_of_numpy
        )
        return content | blank
    # The same, at a quarter of its cost.
    relationships = {
        kind.value: [_related(one) for one in other] if isinstance(other, list) else _related(other)
        for kind, other in node.relationships.items()
    }
    metadata = _plain(node.metadata)
    own = {"metadata": metadata, "relationships": relationships, "class_name": node.class_name()}
    return {**vars(node), **own, **blank}


def _related(other: RelatedNodeInfo) -> dict[str, Any]:
    metadata = _plain(other.metadata)
    return {**vars(other), "metadata": metadata, "class_name": other.class_name()}


def _plain(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return `metadata` as JSON values."""
    if _PLAIN.issuperset(map(type, metadata.values())) and _KEYS.issuperset(map(type, metadata)):
        return metadata
    return cast("dict[str, Any]", to_jsonable_python(metadata, fallback=_of_numpy))


def _of_numpy(value: object) -> object:
    """Return a number or an array of NumPy as Python's own; many libraries return them."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _embedding(node: BaseNode, dim: int) -> bytes:
    if node.embedding is None:
        raise NodeRefused(node.node_id, "it has no embedding")
    if len(node.embedding) != dim:
        raise NodeRefused(
            node.node_id,
            f"its embedding has {len(node.embedding)} dimensions, the collection {dim}",
        )
    try:
        packed = _floats(dim).pack(*node.embedding)
    except (struct.error, OverflowError) as error:
        raise NodeRefused(node.node_id, f"its embedding is not of numbers ({error})") from error
    vector = np.frombuffer(packed, dtype=np.float32)
    # The product is quick, but may be too large where no number is.
    if not math.isfinite(np.vdot(vector, vector)) and not np.isfinite(vector).all():
        raise NodeRefused(node.node_id, "its embedding holds NaN or infinite values")
    return packed


@lru_cache
def _floats(dim: int) -> struct.Struct:
    return struct.Struct(f"{dim}f")


def _check(node: BaseNode, text: str, source: str, dynamic_bytes: int) -> None:
    """Refuse what Milvus cannot store or could never delete."""
    if "'" in node.node_id:
        # Milvus Lite puts it into its SQL as it is. Refused for a server too: data must move.
        raise NodeRefused(
            node.node_id, "its id holds an apostrophe, and Lite could never delete it"
        )
    for name, value in (("id", node.node_id), ("doc_id", source)):
        if "\n" in value or "\r" in value:
            problem = f"its {name} holds a line break, and could never be found or deleted by it"
            raise NodeRefused(node.node_id, problem)
    if not is_whole(text):
        raise NodeRefused(node.node_id, f"its text is {HALF_A_CHARACTER}")
    for name, value in (("text", text), ("id", node.node_id), ("doc_id", source)):
        # A character has four bytes at most.
        if 4 * len(value) > MAX_VARCHAR_BYTES:
            size_bytes = len(value.encode())
            if size_bytes > MAX_VARCHAR_BYTES:
                raise NodeRefused(
                    node.node_id,
                    f"its {name} has {size_bytes} bytes, the limit is {MAX_VARCHAR_BYTES}",
                )
    if dynamic_bytes > MAX_DYNAMIC_BYTES:
        raise NodeRefused(
            node.node_id,
            f"its metadata takes {dynamic_bytes} bytes (LlamaIndex stores it twice), "
            f"the limit is {MAX_DYNAMIC_BYTES}",
        )
