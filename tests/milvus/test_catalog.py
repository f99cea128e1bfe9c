"""The files that a collection holds, read from the collection itself."""

from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import FilterOperator, MetadataFilter, MetadataFilters

from alir.milvus.catalog import MilvusCatalog
from alir.models.differences import StoredChunk
from alir.models.files import StoredSource, source_id


def chunk(source: str, version: str, number: int, **head: Any) -> TextNode:
    """Make a chunk of a file; the head, which alone has a `chunk_count`, is written last."""
    metadata = {"file_path": f"/docs/{source}.txt", "version": version, "text_hash": f"{source}!"}
    return TextNode(
        id_=f"{source}-{version}-{number}",
        text=f"Chunk {number} of {source}.",
        embedding=[float(number), 1.0, 0.0, 0.0],
        metadata=metadata | head,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
    )


def head(source: str, version: str, *, chunks: int, generation: int) -> TextNode:
    about = {"chunk_count": chunks, "generation": generation, "content_hash": f"#{version}"}
    return chunk(source, version, 0, **about)


NOTES = StoredSource("notes", Path("/docs/notes.txt"), "v2", 2, "#v2", 1)


@pytest.fixture
async def catalog(make_store: Any) -> MilvusCatalog:
    """`notes` was updated and its old version not deleted yet; `draft` has no head."""
    store = make_store(upsert_mode=True)
    await store.async_add(
        [
            head("notes", "v1", chunks=1, generation=1),
            head("notes", "v2", chunks=1, generation=2),
            head("report", "v1", chunks=2, generation=1),
            chunk("report", "v1", 1, generation=1),
            chunk("draft", "v1", 1),
            TextNode(id_="foreign", text="Not alir's.", embedding=[1.0, 0.0, 0.0, 0.0]),
        ]
    )
    return MilvusCatalog(store)


async def test_the_later_generation_of_a_file_is_live(catalog: MilvusCatalog) -> None:
    live = await catalog.live_versions(["notes", "draft", "nothing"])

    assert live == {"notes": NOTES}


async def test_a_version_is_complete_if_it_has_a_head(catalog: MilvusCatalog) -> None:
    complete = [one async for one in catalog.complete_versions()]

    assert {(one.source_id, one.version) for one in complete} == {
        ("notes", "v1"),
        ("notes", "v2"),
        ("report", "v1"),
    }
    assert await catalog.count_files() == 3
    assert await catalog.count_chunks() == 6


async def test_the_chunks_of_each_version_are_counted(catalog: MilvusCatalog) -> None:
    stored = {
        (one.source.source_id, one.source.version, one.source.chunks): one.chunks
        for one in await catalog.stored_versions()
    }

    assert stored == {
        ("notes", "v1", 1): 1,
        ("notes", "v2", 1): 1,
        ("report", "v1", 2): 2,
        ("draft", "v1", 0): 1,
    }


@pytest.mark.parametrize("others", [0, 60], ids=["few paths", "many paths"])
async def test_only_what_lies_below_the_paths_is_read(catalog: MilvusCatalog, others: int) -> None:
    elsewhere = [Path(f"/elsewhere/{number}") for number in range(others)]
    below = [Path("/docs/notes.txt"), Path("/docs/draft"), Path("/doc"), *elsewhere]

    complete = [one.version async for one in catalog.complete_versions(below=below)]

    assert sorted(complete) == ["v1", "v2"]
    assert await catalog.count_chunks(below=below) == 2
    assert {one.source.source_id for one in await catalog.stored_versions(below=below)} == {"notes"}
    assert await catalog.count_chunks(below=[Path("/docs")]) == 5


async def test_a_file_that_stands_alone_is_looked_for_by_its_id(make_store: Any) -> None:
    store, path = make_store(), Path("/docs/notes.txt")
    own = head(source_id(path), "v1", chunks=1, generation=1)
    own.metadata["file_path"] = str(path)
    await store.async_add([own, head("report", "v1", chunks=1, generation=1)])
    catalog, below = MilvusCatalog(store), [path, Path("/docs/report.txt")]

    assert await catalog.count_chunks(below=[path], alone=[path]) == 1
    assert await catalog.count_chunks(below=below, alone=[path]) == 2
    assert [one.path async for one in catalog.complete_versions(below=[path], alone=[path])] == [
        path
    ]


async def test_a_path_that_no_filter_can_name_is_looked_below_too(catalog: MilvusCatalog) -> None:
    assert await catalog.count_chunks(below=[Path("/docs"), Path("/two\nlines")]) == 5


async def test_a_row_that_is_there_twice_is_told(make_store: Any) -> None:
    store = make_store(upsert_mode=False)
    await store.async_add([head("notes", "v2", chunks=1, generation=2)])
    await store.async_add([head("notes", "v2", chunks=1, generation=2)])

    [stored] = await MilvusCatalog(store).stored_versions()

    assert (stored.chunks, stored.surplus) == (1, 1)
    assert stored.problem == "the index holds 1 of its 1 chunks, and 1 once more"


async def test_every_row_is_yielded_with_what_it_says(catalog: MilvusCatalog) -> None:
    rows = [one async for one in catalog.stored_chunks()]

    assert [one.chunk_id for one in rows] == sorted(one.chunk_id for one in rows)
    told = {one.chunk_id: one for one in rows}
    assert told["foreign"].source is None
    assert told["notes-v2-0"] == StoredChunk("notes-v2-0", NOTES, -1, "notes!", "Chunk 0 of notes.")
    assert len(rows) == 6


async def test_below_paths_only_the_rows_there_are_yielded(catalog: MilvusCatalog) -> None:
    for below in ([Path("/docs/notes.txt")], [Path("/docs/notes.txt"), Path("/two\nlines")]):
        rows = [one async for one in catalog.stored_chunks(below=below)]
        assert [one.chunk_id for one in rows] == ["notes-v1-0", "notes-v2-0"]


async def test_a_fencing_token_is_compared_to_the_last_digit(make_store: Any) -> None:
    store, token = make_store(), 1_796_000_000_000_001
    await store.async_add([head(str(n), "v", chunks=1, generation=token + n) for n in (-1, 0, 1)])

    older = MetadataFilter(key="generation", value=token, operator=FilterOperator.LT)
    same = MetadataFilter(key="generation", value=token)
    await store.adelete_nodes(filters=MetadataFilters(filters=[older]))
    await store.adelete_nodes(filters=MetadataFilters(filters=[same]))

    left = [one.source_id async for one in MilvusCatalog(store).complete_versions()]
    assert left == ["1"]


async def test_chunks_and_the_vectors_of_texts_are_found_again(catalog: MilvusCatalog) -> None:
    assert await catalog.existing_chunks(["draft-v1-1", "draft-v1-2"]) == {"draft-v1-1"}
    assert await catalog.vectors_by_text(["draft!", "nothing!"]) == {"draft!": [1.0, 1.0, 0.0, 0.0]}


async def test_a_collection_that_does_not_exist_holds_no_file(make_store: Any) -> None:
    catalog = MilvusCatalog(make_store())

    assert await catalog.live_versions(["notes"]) == {}
    assert await catalog.count_files() == await catalog.count_chunks() == 0
