"""Searching one collection, in the ways there are."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryResult

from alir.bench import wire
from alir.bench.bed import Bed
from alir.bench.measure import Figure, Progress, WrongResult, figures, interleaved
from alir.bench.ways import Work, at_once, one_by_one, random_nodes, random_vectors, timed

TOP_K = 5
CHUNKINGS = (wire.Chunking(64, 2), wire.Chunking(256, 4))

Ids = list[list[str]]
"""What each query found, best first."""


async def measure_searches(
    bed: Bed, count: int, *, dim: int, rounds: int, sync: bool, progress: Progress
) -> tuple[dict[str, Figure], str]:
    """Search a collection of `count` rows with `count` queries in every way.

    Returns:
        The seconds of each, and how the queries of the limit were cut: the faster of `CHUNKINGS`.

    Raises:
        WrongResult: two ways found different nodes.
    """
    collection = bed.collection()
    theirs = await bed.theirs(collection)
    ours = bed.ours(collection)
    await theirs.async_add(random_nodes(random_vectors(count, dim, seed=count)))
    await bed.check_rows(collection, count)
    queries = [
        VectorStoreQuery(query_embedding=vector, similarity_top_k=TOP_K)
        for vector in random_vectors(count, dim, seed=count + 1)
    ]
    found: Ids = []

    async def measured(name: str, work: Work, ids: Callable[[Any], Ids]) -> float:
        nonlocal found
        await at_once(theirs.aquery, queries[:2])  # connected, and not asleep
        await at_once(ours.aquery, queries[:2])
        seconds, result = await timed(work)
        found = found or ids(result)
        if ids(result) != found:
            raise WrongResult(f"of {count} searches, {name} found other nodes than the others")
        return seconds

    async def limit(chunking: wire.Chunking) -> float:
        requests = await wire.search_requests(
            bed.client, collection, queries, chunking, bed.consistency_level
        )
        return await measured("limit_s", partial(wire.search, bed.client, requests, chunking), list)

    ways: dict[str, Callable[[], Awaitable[float]]] = {}
    for name, work in {
        "sync_s": partial(one_by_one, theirs.query, queries),
        "gather_s": partial(at_once, theirs.aquery, queries),
        "alir_s": partial(at_once, ours.aquery, queries),
    }.items():
        ways[name] = partial(measured, name, work, _ids)
    if not sync:
        del ways["sync_s"]
    limits = {str(chunking): partial(limit, chunking) for chunking in CHUNKINGS}
    seconds = figures(
        await interleaved(
            {**ways, **limits}, rounds, lambda what: progress(f"search {count:,}: {what}")
        )
    )
    await bed.drop(collection)
    best = min(limits, key=lambda name: seconds[name].median)
    return {**{name: seconds[name] for name in ways}, "limit_s": seconds[best]}, best


def _ids(results: list[VectorStoreQueryResult]) -> Ids:
    return [list(result.ids or []) for result in results]
