"""Adds and searches that wait together go out as one request."""

import asyncio
from typing import Any

from tests.milvus.nodes import nearest, node


async def test_concurrent_adds_and_searches_all_arrive(make_store: Any) -> None:
    store = make_store()
    nodes = [node(f"n{number}", [float(number), 1.0, 0.0, 0.0]) for number in range(40)]
    await asyncio.gather(*(store.async_add([one]) for one in nodes))
    assert await store.count() == 40
    found = await asyncio.gather(
        *(store.aquery(nearest([1.0, 0.0, 0.0, 0.0], top_k=1)) for _ in range(20))
    )
    assert {one.ids[0] for one in found} == {"n39"}


async def test_rows_with_long_vectors_go_to_lite_in_small_requests(
    make_store: Any, uri: str
) -> None:
    store = make_store(dim=3072)
    first, *others = [node(f"n{number}", [1.0] * 3072) for number in range(81)]
    await store.async_add([first])
    await asyncio.gather(*(store.async_add([one]) for one in others))
    assert await store.count() == 81
    # Of 12 KiB each, of which Lite gets 384 at once.
    assert store.coalesced["inserts"].largest_call == (80 if "://" in uri else 32)
