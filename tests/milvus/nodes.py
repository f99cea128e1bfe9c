"""Three nodes, and what finds them."""

from typing import Any

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)


def node(name: str, vector: list[float], source: str = "document", **metadata: Any) -> TextNode:
    return TextNode(
        id_=name,
        text=f"The text of {name}.",
        embedding=vector,
        metadata=metadata,
        start_char_idx=7,
        end_char_idx=7 + len(f"The text of {name}."),
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
    )


def fruit() -> list[TextNode]:
    return [
        node("apple", [1.0, 0.0, 0.0, 0.0], "garden", weight=3, colour="red"),
        node("banana", [0.0, 1.0, 0.0, 0.0], "market", weight=1, colour="yellow"),
        node("cherry", [0.9, 0.1, 0.0, 0.0], "garden", weight=2, colour="red"),
    ]


def where(key: str, value: Any, operator: str = "==") -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])


def nearest(vector: list[float], top_k: int = 3, **options: Any) -> VectorStoreQuery:
    return VectorStoreQuery(query_embedding=vector, similarity_top_k=top_k, **options)
