"""Fuse: several ranked lists of passages as one."""

from collections.abc import Sequence

from llama_index.core.schema import NodeWithScore

RANK_CONSTANT = 60
"""Of reciprocal rank fusion: Cormack, Clarke and Buettcher, SIGIR 2009."""


def fuse(branches: Sequence[Sequence[NodeWithScore]], *, top_k: int) -> list[NodeWithScore]:
    """Return the `top_k` best passages of all branches, best first, by reciprocal rank fusion.

    A passage's score is the sum over the branches of 1 / (60 + its rank there, from 1).
    """
    scores: dict[str, float] = {}
    found: dict[str, NodeWithScore] = {}
    for branch in branches:
        for rank, passage in enumerate(branch, start=1):
            key = passage.node.node_id
            scores[key] = scores.get(key, 0.0) + 1 / (RANK_CONSTANT + rank)
            found.setdefault(key, passage)
    best = sorted(scores, key=lambda key: -scores[key])[:top_k]
    return [NodeWithScore(node=found[key].node, score=scores[key]) for key in best]
