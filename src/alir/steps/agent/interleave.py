"""Interleave: the passages of several searches as one list, none of which outranks the others."""

from collections.abc import Sequence
from itertools import chain, zip_longest

from llama_index.core.schema import NodeWithScore


def interleave(searches: Sequence[Sequence[NodeWithScore]]) -> list[NodeWithScore]:
    """Return each passage once: the first of every search, then the second ones, and so on."""
    found: dict[str, NodeWithScore] = {}
    for passage in chain.from_iterable(zip_longest(*searches)):
        if passage is not None:
            found.setdefault(passage.node.node_id, passage)
    return [*found.values()]
