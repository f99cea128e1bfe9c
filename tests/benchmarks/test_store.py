"""What the store bench refuses to time, and what it leaves behind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from llama_index.core.vector_stores.types import VectorStoreQuery

from alir import AlirMilvusStore
from benchmarks.measure import WrongResult
from benchmarks.store import wire
from benchmarks.store.bed import Bed
from benchmarks.store.search import CHUNKINGS
from benchmarks.store.ways import at_once, one_by_one, random_nodes, random_vectors


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with Bed(str(tmp_path / "bed.db"), "", dim=4, consistency_level="Session") as bed:
        yield bed


async def test_missing_rows_and_rows_too_many_fail_the_bench(bed: Bed) -> None:
    collection = bed.collection()
    store = bed.ours(collection)
    await store.async_add(random_nodes(random_vectors(3, 4, seed=1)))

    await bed.check_rows(collection, 3)
    with pytest.raises(WrongResult, match="3 rows were stored, not 4"):
        await bed.check_rows(collection, 4)


async def test_prebuilt_requests_store_and_find_what_both_stores_do(bed: Bed) -> None:
    collection = bed.collection()
    theirs = await bed.theirs(collection)
    nodes = random_nodes(random_vectors(300, 4, seed=2))
    requests = await wire.insert_requests(bed.client, collection, nodes)
    await wire.insert(bed.client, requests)
    await bed.check_rows(collection, 300)

    queries = [
        VectorStoreQuery(query_embedding=vector, similarity_top_k=3)
        for vector in random_vectors(70, 4, seed=3)
    ]
    expected = [result.ids for result in await at_once(theirs.aquery, queries)]
    ours = [result.ids for result in await at_once(bed.ours(collection).aquery, queries)]
    assert ours == expected
    for chunking in CHUNKINGS:
        made = await wire.search_requests(bed.client, collection, queries, chunking, "Session")
        assert len(made) == -(-70 // chunking.queries)
        assert await wire.search(bed.client, made, chunking) == expected
    assert len(requests) == 2
    found = (await at_once(bed.ours(collection).aget_nodes, [[nodes[0].node_id]]))[0]
    assert found[0].get_content() == nodes[0].get_content()


async def test_a_bed_leaves_no_collection_behind(tmp_path: Path) -> None:
    file = str(tmp_path / "left.db")
    async with Bed(file, "", dim=4, consistency_level="Session") as bed:
        store = bed.ours(bed.collection())
        await store.async_add(random_nodes(random_vectors(1, 4, seed=4)))
        bed.collection()  # never made

    store = AlirMilvusStore(file)
    assert await store.connection.call_method("list_collections") == []
    await store.aclose()


async def test_random_vectors_are_the_same_for_a_seed_and_nodes_are_new_ones() -> None:
    vectors = random_vectors(2, 3, seed=5)

    assert vectors == random_vectors(2, 3, seed=5) != random_vectors(2, 3, seed=6)
    one, other = random_nodes(vectors), random_nodes(vectors)
    assert {node.node_id for node in one}.isdisjoint(node.node_id for node in other)
    assert await one_by_one(len, vectors) == await at_once(_length, vectors) == [3, 3]


async def _length(vector: list[float]) -> int:
    return len(vector)
