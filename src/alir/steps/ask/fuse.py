"""Fuse: the ranked lists of both searches as one."""

from collections.abc import Callable, Mapping, Sequence

from llama_index.core.schema import NodeWithScore

from alir.models.answers import Branch, Fusion

RANK_CONSTANT = 60
"""Of reciprocal rank fusion: Cormack, Clarke and Buettcher, SIGIR 2009."""


def fuse(
    branches: Mapping[Branch, Sequence[NodeWithScore]], *, fusion: Fusion, top_k: int
) -> list[NodeWithScore]:
    """Return the `top_k` best passages of all branches, best first.

    A passage's score is the weighted sum of what it is worth in each branch, 0 where it was not
    found: see `Fusion`. Of equal ones the one found first in the first branch comes first.
    """
    weigh = _WEIGHED[fusion.by]
    scores: dict[str, float] = {}
    found: dict[str, NodeWithScore] = {}
    for branch, passages in branches.items():
        weight = fusion.weight(branch)
        for passage, worth in zip(passages, weigh(passages), strict=True):
            key = passage.node.node_id
            scores[key] = scores.get(key, 0.0) + weight * worth
            found.setdefault(key, passage)
    best = sorted(scores, key=lambda key: -scores[key])[:top_k]
    return [NodeWithScore(node=found[key].node, score=scores[key]) for key in best]


def _by_rank(passages: Sequence[NodeWithScore]) -> list[float]:
    return [1 / (RANK_CONSTANT + rank) for rank in range(1, len(passages) + 1)]


def _by_score(passages: Sequence[NodeWithScore]) -> list[float]:
    # A cosine below 0 is worth no more than not being found.
    scores = [max(passage.score or 0.0, 0.0) for passage in passages]
    high = max(scores, default=0.0)
    return [score / high if high else 0.0 for score in scores]


def _by_spread(passages: Sequence[NodeWithScore]) -> list[float]:
    scores = [passage.score or 0.0 for passage in passages]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    # Of equal ones, one alone among them, each is the best there is.
    return [(score - low) / (high - low) if high > low else 1.0 for score in scores]


_WEIGHED: dict[str, Callable[[Sequence[NodeWithScore]], list[float]]] = {
    "rank": _by_rank,
    "score": _by_score,
    "spread": _by_spread,
}
