"""Retrieve: the passages nearest to a question, by meaning or by words."""

from collections.abc import Sequence

from llama_index.core.schema import NodeWithScore
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)


async def retrieve_dense(
    vector: Sequence[float],
    *,
    top_k: int,
    vector_store: BasePydanticVectorStore,
    filters: MetadataFilters | None = None,
) -> list[NodeWithScore]:
    """Return the `top_k` passages whose vectors are nearest to `vector`, best first."""
    query = VectorStoreQuery(query_embedding=list(vector), similarity_top_k=top_k, filters=filters)
    return await _retrieve(query, vector_store)


async def retrieve_keyword(
    question: str,
    *,
    top_k: int,
    vector_store: BasePydanticVectorStore,
    filters: MetadataFilters | None = None,
) -> list[NodeWithScore]:
    """Return the `top_k` passages with the highest BM25 score for `question`, best first."""
    query = VectorStoreQuery(
        query_str=question,
        similarity_top_k=top_k,
        mode=VectorStoreQueryMode.TEXT_SEARCH,
        filters=filters,
    )
    return await _retrieve(query, vector_store)


async def _retrieve(
    query: VectorStoreQuery, vector_store: BasePydanticVectorStore
) -> list[NodeWithScore]:
    result = await vector_store.aquery(query)
    nodes, scores = result.nodes or [], result.similarities or []
    return [NodeWithScore(node=n, score=s) for n, s in zip(nodes, scores, strict=True)]
