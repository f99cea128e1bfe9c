"""Add: everything but the files' first chunks, and a refused file takes no other with it."""

from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.errors import MilvusUnavailable
from alir.steps.ingest.add import AddResult, add, verify


def chunk(source: str, index: int) -> TextNode:
    """Chunk 2 of the file `a` has the id a2."""
    return TextNode(
        id_=f"{source}{index}",
        text=f"text of {source}{index}",
        metadata={"chunk_index": index},
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
    )


def ids(chunks: list[TextNode]) -> list[str]:
    return [one.node_id for one in chunks]


async def test_chunks_are_written_in_one_call_except_each_files_first(store: Any) -> None:
    chunks = [chunk("a", 0), chunk("a", 1), chunk("b", 0), chunk("b", 1), chunk("b", 2)]

    added = await add(chunks, vector_store=store)

    assert store.log == ["add a1 b1 b2"]
    assert added.written == {"a1": "a", "b1": "b", "b2": "b"}
    assert ids(added.first_chunks) == ["a0", "b0"]
    assert added.refused == {}


async def test_only_first_chunks_are_no_call_to_the_store(store: Any) -> None:
    added = await add([chunk("a", 0), chunk("b", 0)], vector_store=store)

    assert store.log == []
    assert added.written == {}
    assert ids(added.first_chunks) == ["a0", "b0"]
    assert await add([], vector_store=store) == AddResult()


async def test_a_refused_chunk_takes_its_file_out_of_the_batch_and_no_other(store: Any) -> None:
    store.refuses = {"b2": "its text is too long"}
    chunks = [chunk("a", 1), chunk("b", 1), chunk("b", 2), chunk("b", 3), chunk("c", 1)]

    added = await add(chunks, vector_store=store)

    assert store.log == ["refuse b2", "add a1 c1"]
    assert added == AddResult(
        written={"a1": "a", "c1": "c"}, refused={"b": "cannot be stored: its text is too long"}
    )


async def test_every_refused_file_is_reported_with_its_reason(store: Any) -> None:
    store.refuses = {"a1": "its text is too long", "c1": "its embedding holds NaN"}
    chunks = [chunk("a", 0), chunk("a", 1), chunk("b", 1), chunk("c", 1)]

    added = await add(chunks, vector_store=store)

    assert added.refused == {
        "a": "cannot be stored: its text is too long",
        "c": "cannot be stored: its embedding holds NaN",
    }
    assert list(store.nodes) == ["b1"]
    assert added.written == {"b1": "b"}
    assert ids(added.first_chunks) == ["a0"], "publishing looks at what was refused"


async def test_a_batch_of_refused_chunks_writes_nothing(store: Any) -> None:
    store.refuses = {"a1": "its text is too long"}

    added = await add([chunk("a", 1), chunk("a", 2)], vector_store=store)

    assert store.nodes == {}
    assert added == AddResult(refused={"a": "cannot be stored: its text is too long"})


async def test_a_store_that_fails_is_not_a_refusal(store: Any) -> None:
    class Down(type(store)):  # type: ignore[misc]
        async def async_add(self, nodes: Any, **_: Any) -> list[str]:
            raise MilvusUnavailable("http://localhost:19530")

    with pytest.raises(MilvusUnavailable):
        await add([chunk("a", 1)], vector_store=Down())


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
