"""Read: the stored texts, and which of the versions they are from are live."""

from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode

from alir.models.files import FileVersion, chunk_id, head_id
from alir.steps.ask.read import PassagesReadAgain, read, version_of


def chunk(source: str, index: int, version: str, generation: int) -> TextNode:
    is_head = index == 0
    return TextNode(
        id_=head_id(source, generation)
        if is_head
        else chunk_id(source, version, generation, index),
        text=f"{version} {index}",
        metadata={"version": version, "generation": generation, "chunk_index": index},
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
    )


def found(*nodes: TextNode) -> list[NodeWithScore]:
    return [NodeWithScore(node=node, score=0.5) for node in nodes]


A1 = [chunk("a", index, "a1", 0) for index in range(3)]
A2 = [chunk("a", index, "a2", 1) for index in range(3)]
B1 = [chunk("b", index, "b1", 4) for index in range(2)]
OLD, NEW = FileVersion("a", "a1", 0), FileVersion("a", "a2", 1)


async def test_the_texts_are_those_of_the_store(store: Any) -> None:
    store.add([*A1, *B1])
    store.nodes[A1[2].node_id].set_content("changed since")

    seen = await read(found(A1[2], B1[0]), vector_store=store)

    assert seen == PassagesReadAgain(
        {A1[2].node_id: "changed since", B1[0].node_id: "b1 0"}, frozenset()
    )


async def test_a_text_is_only_the_text(store: Any) -> None:
    store.add([TextNode(id_="birds", text="Birds.", metadata={"file_name": "birds.txt"})])

    seen = await read(found(TextNode(id_="birds", text="Birds.")), vector_store=store)

    assert seen.texts == {"birds": "Birds."}


@pytest.mark.parametrize(
    ("held", "stale"),
    [
        (A1, {NEW}),
        (A1 + A2[1:], {NEW}),
        (A1 + A2, {OLD}),
        (A1[1:] + A2, {OLD}),
        (A1[:1] + A2, {OLD}),
        (A2, {OLD}),
        ([], {OLD, NEW}),
    ],
    ids=[
        "before",
        "written",
        "flipped",
        "old one going",
        "old head still there",
        "after",
        "deleted",
    ],
)
async def test_of_two_versions_at_most_one_is_live_at_every_instant_of_an_update(
    store: Any, held: list[TextNode], stale: set[FileVersion]
) -> None:
    store.add(held)

    seen = await read(found(A1[1], A2[1]), vector_store=store)

    assert seen.stale == stale


async def test_a_version_that_took_anothers_place_in_a_new_index_does_not_pass_for_it(
    store: Any,
) -> None:
    store.add([chunk("a", 0, "a9", 0)])

    assert (await read(found(A1[1]), vector_store=store)).stale == {OLD}


async def test_what_was_excluded_is_looked_at_again(store: Any) -> None:
    store.add([*A2, *B1])

    seen = await read(found(B1[1]), vector_store=store, excluded=[OLD, NEW])

    assert seen.stale == {OLD}, "the new version has become live"


async def test_what_alir_did_not_ingest_is_always_live(store: Any) -> None:
    node = TextNode(id_="x", text="theirs", metadata={"version": "1.0"})
    store.add([node])

    assert version_of(node) is None
    assert await read(found(node), vector_store=store) == PassagesReadAgain(
        {"x": "theirs"}, frozenset()
    )


async def test_without_passages_the_store_is_not_asked() -> None:
    assert await read([], vector_store=None) == PassagesReadAgain({}, frozenset())  # type: ignore[arg-type]
