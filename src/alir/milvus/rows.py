"""Nodes as Milvus rows and back, in the format of LlamaIndex's own `MilvusVectorStore`."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson
from llama_index.core.schema import BaseNode, MetadataMode, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node

from alir.errors import NodeRefused

ID_FIELD = "id"
NODE_FIELDS = ["_node_content", "_node_type"]

MAX_VARCHAR_BYTES = 65_535
"""Milvus's limit for one VARCHAR value; Milvus Lite does not check it, so we do."""
MAX_DYNAMIC_BYTES = 65_536
"""Milvus's limit for the dynamic fields of one row together."""
MAX_REQUEST_BYTES = 16 * 2**20
"""Rows of one request, well under gRPC's 64 MiB."""

Row = dict[str, Any]


def to_row(
    node: BaseNode, *, text_key: str, doc_id_field: str, embedding_field: str, dim: int
) -> Row:
    """Return the row of `node`: its text, its embedding ((dim,) floats), its metadata.

    Raises:
        NodeRefused: the embedding is missing, of another dimension or not finite, or a field is
            larger than Milvus stores.
    """
    text = node.get_content(metadata_mode=MetadataMode.NONE)
    content = node.model_dump(mode="json", exclude={"embedding", "text", "text_resource"})
    content |= {"embedding": None, "text": ""}
    source = node.ref_doc_id or "None"
    dynamic = {
        **content["metadata"],
        "_node_content": orjson.dumps(content).decode(),
        "_node_type": node.class_name(),
        "document_id": source,
        "doc_id": source,
        "ref_doc_id": source,
    }
    _check(node, text, dynamic, dim)
    return {
        **dynamic,
        doc_id_field: source,
        text_key: text,
        ID_FIELD: node.node_id,
        embedding_field: node.embedding,
    }


def to_node(row: Mapping[str, Any], *, text_key: str) -> BaseNode:
    """Return the node a row holds; a row not written by LlamaIndex becomes a plain `TextNode`."""
    text = row.get(text_key)
    if row.get("_node_content") is not None:
        return metadata_dict_to_node(dict(row), text=text)
    metadata = {key: value for key, value in row.items() if key not in {text_key, ID_FIELD}}
    return TextNode(id_=str(row[ID_FIELD]), text=text or "", metadata=metadata)


def requests(rows: list[Row], max_rows: int, text_key: str, dim: int) -> Iterator[list[Row]]:
    """Cut `rows`, in order, into requests of at most `max_rows` rows and a bounded size."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        row_bytes = 4 * dim + 4 * len(row[text_key]) + 2 * len(row["_node_content"])
        if batch and (len(batch) == max_rows or size + row_bytes > MAX_REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += row_bytes
    if batch:
        yield batch


def _check(node: BaseNode, text: str, dynamic: Row, dim: int) -> None:
    vector = node.embedding
    if vector is None:
        raise NodeRefused(node.node_id, "it has no embedding")
    if len(vector) != dim:
        raise NodeRefused(
            node.node_id, f"its embedding has {len(vector)} dimensions, the collection {dim}"
        )
    if not np.isfinite(vector).all():
        raise NodeRefused(node.node_id, "its embedding holds NaN or infinite values")
    if "'" in node.node_id:
        # Milvus Lite puts it into its SQL as it is. Refused for a server too: data must move.
        raise NodeRefused(
            node.node_id, "its id holds an apostrophe, and Lite could never delete it"
        )
    for name, value in (("id", node.node_id), ("doc_id", dynamic["doc_id"])):
        if "\n" in value or "\r" in value:
            problem = f"its {name} holds a line break, and could never be found or deleted by it"
            raise NodeRefused(node.node_id, problem)
    for name, value in (("text", text), ("id", node.node_id), ("doc_id", dynamic["doc_id"])):
        size_bytes = len(value.encode())
        if size_bytes > MAX_VARCHAR_BYTES:
            raise NodeRefused(
                node.node_id, f"its {name} has {size_bytes} bytes, the limit is {MAX_VARCHAR_BYTES}"
            )
    size_bytes = len(orjson.dumps(dynamic))
    if size_bytes > MAX_DYNAMIC_BYTES:
        raise NodeRefused(
            node.node_id,
            f"its metadata takes {size_bytes} bytes (LlamaIndex stores it twice), "
            f"the limit is {MAX_DYNAMIC_BYTES}",
        )
