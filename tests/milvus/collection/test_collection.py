"""A collection that is scanned, dropped, made again, or not there."""

from typing import Any

from tests.milvus.nodes import fruit, nearest, node


async def test_rows_are_scanned_page_by_page_each_once(make_store: Any) -> None:
    store = make_store()
    names = [f"node-{number:03d}" for number in range(53)]
    await store.async_add([node(name, [1.0, 0.0, 0.0, 0.0]) for name in reversed(names)])
    rows = [row["id"] async for row in store.scan("", ["weight"], page_rows=10)]
    assert rows == names


async def test_a_collection_that_does_not_exist_holds_nothing(make_store: Any) -> None:
    store = make_store()
    assert await store.count() == 0
    assert (await store.aquery(nearest([1.0, 0.0, 0.0, 0.0]))).ids == []
    assert await store.aget_nodes(node_ids=["a"]) == []
    await store.adelete("a")
    assert await store.async_add([]) == []


async def test_overwrite_drops_what_was_there_once(make_store: Any) -> None:
    await make_store().async_add(fruit())
    store = make_store(overwrite=True)
    assert await store.count() == 0
    await store.async_add(fruit()[:1])
    await store.async_add(fruit()[1:])
    assert await store.count() == 3


async def test_clear_drops_the_collection_and_the_next_add_makes_it_anew(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    await store.aclear()
    assert await store.count() == 0
    await store.async_add(fruit())
    assert await store.count() == 3
