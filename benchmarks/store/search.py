"""Searching one collection, in the ways there are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryResult

from alir.evaluation.report.progress import Progress
from benchmarks.measure import Figure, WrongResult, figures, interleaved
from benchmarks.store import wire
from benchmarks.store.bed import METRIC, Bed
from benchmarks.store.ways import Work, at_once, one_by_one, random_nodes, random_vectors, timed

TOP_K = 5
FIELDS = ["text", "_node_content"]
"""What a node is made of."""
CHUNKINGS = (wire.Chunking(64, 2), wire.Chunking(256, 4))

Ids = list[list[str]]
"""What each query found, best first."""


async def measure_searches(
    bed: Bed, count: int, *, dim: int, rounds: int, sync: bool, progress: Progress
) -> tuple[dict[str, Figure], dict[str, str]]:
    """Search a collection of `count` rows with `count` queries in every way.

    Returns:
        The seconds of each, and how the queries of the limits were cut: the faster of `CHUNKINGS`.

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
        vectors = [query.query_embedding for query in queries]
        search = partial(_by_hand, bed, collection, vectors, chunking)
        return await measured("limit_s", search, list)

    async def on_the_wire(chunking: wire.Chunking) -> float:
        requests = await wire.search_requests(
            bed.client, collection, queries, chunking, bed.consistency_level
        )
        return await measured("wire_s", partial(wire.search, bed.client, requests, chunking), list)

    ways: dict[str, Callable[[], Awaitable[float]]] = {}
    for name, work in {
        "sync_s": partial(one_by_one, theirs.query, queries),
        "gather_s": partial(at_once, theirs.aquery, queries),
        "alir_s": partial(at_once, ours.aquery, queries),
    }.items():
        ways[name] = partial(measured, name, work, _ids)
    if not sync:
        del ways["sync_s"]
    cut: dict[str, dict[str, Callable[[], Awaitable[float]]]] = {
        name: {f"{name}, {chunking}": partial(way, chunking) for chunking in CHUNKINGS}
        for name, way in {"limit_s": limit, "wire_s": on_the_wire}.items()
    }
    seconds = figures(
        await interleaved(
            {**ways, **cut["limit_s"], **cut["wire_s"]},
            rounds,
            lambda what: progress(f"search {count:,}: {what}"),
        )
    )
    await bed.drop(collection)
    best = {name: min(ways, key=lambda way: seconds[way].median) for name, ways in cut.items()}
    chosen = {name: best[name].partition(", ")[2] for name in cut}
    return {
        **{name: seconds[name] for name in ways},
        **{name: seconds[way] for name, way in best.items()},
    }, chosen


async def _by_hand(
    bed: Bed, collection: str, vectors: Sequence[Any], chunking: wire.Chunking
) -> Ids:
    """Search as one would by hand, through pymilvus: many vectors at once, every hit read."""
    slots = asyncio.Semaphore(chunking.in_flight)

    async def search(some: Sequence[Any]) -> Ids:
        async with slots:
            found = await bed.client.search(
                collection,
                some,
                anns_field="embedding",
                limit=TOP_K,
                output_fields=FIELDS,
                search_params={"metric_type": METRIC},
                consistency_level=bed.consistency_level,
            )
        read = [[(hit["id"], *map(hit["entity"].get, FIELDS)) for hit in hits] for hits in found]
        return [[hit[0] for hit in hits] for hits in read]

    starts = range(0, len(vectors), chunking.queries)
    parts = await asyncio.gather(*(search(vectors[at : at + chunking.queries]) for at in starts))
    return [ids for part in parts for ids in part]


def _ids(results: list[VectorStoreQueryResult]) -> Ids:
    return [list(result.ids or []) for result in results]
