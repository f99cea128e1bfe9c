"""A collection that is scanned, dropped, made again, or not there."""

from pathlib import Path
from typing import Any

import psutil
import pytest

from alir import AlirMilvusStore
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


@pytest.mark.parametrize("alias", [False, True])
async def test_milvus_lite_that_starts_again_while_a_collection_is_opened_is_not_taken_for_empty(
    opened: Any, monkeypatch: pytest.MonkeyPatch, alias: bool
) -> None:
    writer = opened(dim=4)
    await writer.async_add(fruit())
    store = opened(dim=4, is_alias=alias)
    collection = store._collection
    open_existing, connection = collection._opener.open_existing, store.connection

    async def open_while_it_dies(name: str) -> Any:
        found = await open_existing(name)
        if connection.lite_starts == 1:
            connection.lite_starts = 2
        return found

    monkeypatch.setattr(collection._opener, "open_existing", open_while_it_dies)

    assert await store.count() == 3
    connection.lite_starts = 1
    collection._found = None
    assert len([row async for row in store.scan("", [])]) == 3
    connection.lite_starts = 1
    collection._found = None
    await store.adelete("garden")
    assert await writer.count() == 1


async def test_a_call_goes_on_when_milvus_lite_was_started_again_since_the_opening(
    tmp_path: Path,
) -> None:
    store = AlirMilvusStore(str(tmp_path / "dies.db"), collection_name="fruit", dim=4, outage_s=30)
    await store.async_add(fruit())
    pages = store.scan("", [], page_rows=2)
    seen = [await anext(pages)]
    for child in psutil.Process().children():
        if str(tmp_path) in " ".join(child.cmdline()):
            child.kill()
            child.wait()

    seen += [row async for row in pages]

    assert [row["id"] for row in seen] == ["apple", "banana", "cherry"]
    await store.aclose()
