"""Adding nodes to a new collection, in the ways there are."""

from collections.abc import Awaitable, Callable
from functools import partial

from llama_index.core.vector_stores.types import BasePydanticVectorStore

from alir.evaluation.report.progress import Progress
from benchmarks.measure import Figure, figures, interleaved
from benchmarks.store import wire
from benchmarks.store.bed import Bed
from benchmarks.store.ways import Work, at_once, one_by_one, random_nodes, random_vectors, timed

Way = Callable[[str], Awaitable[Work]]
"""Prepares a collection and returns what the bench times: adding all nodes to it."""


async def measure_adds(
    bed: Bed, count: int, *, dim: int, rounds: int, sync: bool, upsert: bool, progress: Progress
) -> dict[str, Figure]:
    """Add `count` nodes to a new collection in every way; return the seconds of each.

    The collection holds one row already, written the same way: the client is connected and knows
    the schema. Every way gets nodes of its own.

    Raises:
        WrongResult: rows are missing, or are there twice.
    """
    vectors = random_vectors(count, dim, seed=count)

    async def gathered(store: BasePydanticVectorStore) -> Work:
        await store.async_add(random_nodes(vectors[:1]))
        return partial(at_once, store.async_add, [[node] for node in random_nodes(vectors)])

    async def their_sync(collection: str) -> Work:
        store = await bed.theirs(collection)
        store.add(random_nodes(vectors[:1]))
        return partial(one_by_one, store.add, [[node] for node in random_nodes(vectors)])

    async def their_gather(collection: str) -> Work:
        return await gathered(await bed.theirs(collection))

    async def their_batch(collection: str) -> Work:
        store = await bed.theirs(collection)
        await store.async_add(random_nodes(vectors[:1]))
        return partial(store.async_add, random_nodes(vectors))

    async def alir(collection: str) -> Work:
        return await gathered(bed.ours(collection))

    async def alir_upsert(collection: str) -> Work:
        return await gathered(bed.ours(collection, upsert=True))

    async def limit(collection: str) -> Work:
        store = await bed.theirs(collection)
        await store.async_add(random_nodes(vectors[:1]))
        requests = await wire.insert_requests(bed.client, collection, random_nodes(vectors))
        return partial(wire.insert, bed.client, requests)

    async def measured(way: Way) -> float:
        collection = bed.collection()
        seconds, _ = await timed(await way(collection))
        await bed.check_rows(collection, count + 1)
        await bed.drop(collection)
        return seconds

    ways: dict[str, Way] = {
        "sync_s": their_sync,
        "gather_s": their_gather,
        "alir_s": alir,
        "batch_s": their_batch,
        "limit_s": limit,
    }
    if upsert:
        ways["alir_upsert_s"] = alir_upsert
    if not sync:
        del ways["sync_s"]
    found = await interleaved(
        {name: partial(measured, way) for name, way in ways.items()},
        rounds,
        lambda what: progress(f"add {count:,}: {what}"),
    )
    return figures(found)
