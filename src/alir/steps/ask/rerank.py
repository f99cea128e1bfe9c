"""Rerank: what LlamaIndex's postprocessors make of the passages."""

from collections.abc import Sequence

from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle


async def rerank(
    question: str,
    passages: Sequence[NodeWithScore],
    *,
    node_postprocessors: Sequence[BaseNodePostprocessor],
    top_k: int,
) -> list[NodeWithScore]:
    """Return the first `top_k` of what the postprocessors, one after another, make of them."""
    left = [*passages]
    for postprocessor in node_postprocessors:
        left = await postprocessor.apostprocess_nodes(left, query_bundle=QueryBundle(question))
    return left[:top_k]
