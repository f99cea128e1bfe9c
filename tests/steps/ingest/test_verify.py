"""Verify: a chunk that was acknowledged and is not there fails its file, and no other."""

from typing import Any

from llama_index.core.schema import TextNode

from alir.steps.ingest.verify import verify


async def test_what_is_there_is_no_failure(store: Any, catalog: Any) -> None:
    store.add([TextNode(id_="a1"), TextNode(id_="b1")])

    assert await verify({"a1": "a", "b1": "b"}, catalog=catalog) == {}
    assert [sorted(ids) for ids in catalog.asked] == [["a1", "b1"]], "one question for all"


async def test_a_lost_chunk_fails_its_file_and_says_how_many_there_are(
    store: Any, catalog: Any
) -> None:
    store.add([TextNode(id_="a1"), TextNode(id_="c1")])
    written = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "c1": "c"}

    assert await verify(written, catalog=catalog) == {
        "a": "a chunk was acknowledged and not there",
        "b": "2 chunks were acknowledged and not there",
    }


async def test_nothing_written_is_no_question(catalog: Any) -> None:
    assert await verify({}, catalog=catalog) == {}
    assert catalog.asked == []
