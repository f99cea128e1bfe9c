"""The tutorial's two ways to do many things, and its random nodes."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, TypeVar

from llama_index.core.schema import BaseNode, NodeRelationship, RelatedNodeInfo, TextNode

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[], Awaitable[Any]]


async def timed(work: Callable[[], Awaitable[R]]) -> tuple[float, R]:
    """Return the seconds `work` takes, and its result."""
    started = perf_counter()
    result = await work()
    return perf_counter() - started, result


async def at_once(call: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
    """Await `call` for every item, all at once: the tutorial's `gather`."""
    return await asyncio.gather(*(call(item) for item in items))


async def one_by_one(call: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Call `call` for one item after the other; blocks, as synchronous code does."""
    return [call(item) for item in items]


def random_vectors(count: int, dim: int, *, seed: int) -> list[list[float]]:
    """Return `count` vectors of `dim` numbers between 0 and 1, always the same for a seed."""
    generator = random.Random(seed)  # noqa: S311  not for secrets
    return [[generator.random() for _ in range(dim)] for _ in range(count)]


def random_nodes(vectors: Sequence[list[float]]) -> list[BaseNode]:
    """Return the tutorial's nodes: a short text, a random id, each its own document."""
    return [
        TextNode(
            text=f"Random text {i}",
            embedding=vector,
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"document-{i}")},
        )
        for i, vector in enumerate(vectors)
    ]
