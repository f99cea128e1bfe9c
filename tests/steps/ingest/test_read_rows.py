"""Read rows: each row is looked at, and what is wrong with a version is told once."""

from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.models.files import FileVersion, digest, generation_after, head_id, source_id
from alir.steps.ingest.read_rows import FOREIGN_NAMED, MAX_POSITION, IndexRows, read_rows

A = Path("/docs/a.txt")


def row(path: Path, position: int, *, chunks: int = 0, **about: Any) -> TextNode:
    """A row of generation 7; the head is the one with `chunks`."""
    text = f"Chunk {position} of {path.name}."
    source = about.pop("source", source_id(path))
    metadata = {
        "file_path": str(path),
        "version": "v",
        "generation": 7,
        "chunk_index": position,
        "text_hash": digest(text),
        **({"chunk_count": chunks} if chunks else {}),
        **about,
    }
    id_ = head_id(source, metadata["generation"]) if chunks else f"{path.stem}-{position}"
    return TextNode(
        id_=about.get("id_", id_),
        text=text,
        metadata=metadata,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
    )


async def read(store: Any, catalog: Any, ledger: Any, *rows: TextNode) -> IndexRows:
    store.add(rows)
    return await read_rows(None, catalog=catalog, ledger=ledger)


def told(found: IndexRows) -> list[tuple[str, str]]:
    return [(one.kind, one.sentence) for one in found.differences]


async def test_of_whole_versions_nothing_is_told(store: Any, catalog: Any, ledger: Any) -> None:
    rows = [row(A, 0, chunks=20), *(row(A, n) for n in range(1, 20))]

    found = await read(store, catalog, ledger, *rows, row(Path("/docs/b.txt"), 0, chunks=1))

    assert told(found) == []
    assert (found.rows, found.foreign) == (21, 0)
    assert {one.path.name: one.chunks for one in found.live.values()} == {"a.txt": 20, "b.txt": 1}


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([1, 3], ("chunks missing", "the index holds 3 of its 4 chunks")),
        ([1, 2, 9], ("wrong positions", "the positions of its 4 rows are not 0 to 3")),
        ([1, 2, -1], ("wrong positions", "the positions of its 4 rows are not 0 to 3")),
        ([1, 2, MAX_POSITION], ("wrong positions", "the positions of its 4 rows are not 0 to 3")),
        ([1, 2, 3, 4], ("wrong positions", "the positions of its 5 rows are not 0 to 3")),
    ],
)
async def test_positions_are_0_to_the_last(
    store: Any, catalog: Any, ledger: Any, positions: list[int], expected: tuple[str, str]
) -> None:
    rows = [row(A, 0, chunks=4), *(row(A, n) for n in positions)]

    assert told(await read(store, catalog, ledger, *rows)) == [expected]


async def test_a_position_that_is_there_twice_is_told(
    store: Any, catalog: Any, ledger: Any
) -> None:
    other = row(A, 1)
    other.id_ = "another id"
    found = await read(store, catalog, ledger, row(A, 0, chunks=3), row(A, 1), other)
    assert told(found) == [("wrong positions", "the positions of its 3 rows are not 0 to 2")]


async def test_rows_of_one_id_are_told(store: Any, catalog: Any, ledger: Any) -> None:
    catalog.doubled = {FileVersion(source_id(A), "v", 7): 1}
    found = await read(store, catalog, ledger, row(A, 0, chunks=1))
    assert told(found) == [("rows doubled", "1 row has the id of another")]
    assert found.rows == 2


async def test_a_text_without_its_hash_is_told(store: Any, catalog: Any, ledger: Any) -> None:
    found = await read(store, catalog, ledger, row(A, 0, chunks=1, text_hash="x"))
    assert told(found) == [("wrong text", "the text of 1 of its rows does not have its hash")]


async def test_a_row_of_another_files_source_is_no_row_of_either(
    store: Any, catalog: Any, ledger: Any
) -> None:
    found = await read(store, catalog, ledger, row(A, 0, chunks=1, source="another"))
    [one] = found.differences
    assert (one.kind, one.path, one.chunk_id) == ("wrong source", A, head_id("another", 7))
    assert found.live == {}


async def test_of_rows_that_alir_did_not_write_the_first_are_named(
    store: Any, catalog: Any, ledger: Any
) -> None:
    foreign = [TextNode(id_=f"row {n}", text="Not alir's.") for n in range(FOREIGN_NAMED + 1)]
    found = await read(store, catalog, ledger, *foreign)
    assert found.foreign == found.rows == FOREIGN_NAMED + 1
    assert found.foreign_ids == [f"row {n}" for n in range(FOREIGN_NAMED)]
    assert told(found) == []


async def test_versions_that_are_not_live_are_told(store: Any, catalog: Any, ledger: Any) -> None:
    now = generation_after()
    older = row(A, 0, chunks=1, generation=6, version="u")
    left = row(A, 1, generation=5, version="t")
    left.id_ = "left"
    begun = row(Path("/docs/b.txt"), 1, generation=now)

    found = await read(store, catalog, ledger, row(A, 0, chunks=1), older, left, begun)

    assert sorted((one.path.name, one.kind, one.generation) for one in found.differences) == [
        ("a.txt", "no head", 5),
        ("a.txt", "old version", 6),
        ("b.txt", "being written", now),
    ]
