"""Compare: a file's version, and whether the index holds it."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.errors import OutOfResources
from alir.models.files import FileContent, FileOutcome, FilePart, head_id
from alir.models.reading import Cursor
from alir.steps.ingest.compare import compare, fingerprint
from tests.faults.scarce import no_descriptors


def write(path: Path, text: str) -> FilePart:
    path.write_text(text, encoding="utf-8")
    return FilePart(path, path.stat().st_size)


def version(part: FilePart, chunking: str = "256/32") -> str:
    [found] = fingerprint([part], chunking=chunking).changed
    changed = replace(part, version=found.version, content=found.content)
    assert found == changed, "nothing else of the part changes"
    return found.version


def test_a_version_stands_for_the_content_of_one_file(tmp_path: Path) -> None:
    part, other = write(tmp_path / "a.txt", "words"), write(tmp_path / "b.txt", "words")

    assert re.fullmatch("[0-9a-f]{32}", version(part))
    assert version(replace(part, size_bytes=0, generation=3)) == version(part)
    # The index is cleared of old versions of many files at once: none may be another's new one.
    assert version(part) != version(other)


def test_other_content_is_another_version(tmp_path: Path) -> None:
    before = version(write(tmp_path / "a.txt", "words"))

    assert version(write(tmp_path / "a.txt", "wordz")) != before, "of the same size"
    assert version(write(tmp_path / "a.txt", "words")) == before
    assert version(write(tmp_path / "a.txt", "words\n" * 100_000)) != before


def test_other_chunking_is_another_version(tmp_path: Path) -> None:
    part = write(tmp_path / "a.txt", "words")

    assert version(part, "256/32") != version(part, "128/32")


def test_a_part_that_has_a_version_keeps_it_and_is_not_read_again() -> None:
    part = FilePart(Path("/not/there.txt"), 5, version="of the first part")

    read = fingerprint([part], chunking="256/32")

    assert read.changed == [part]
    assert read.settled == []


@pytest.mark.timeout(10)  # opening a pipe would wait for ever
def test_what_is_no_readable_file_fails_with_its_reason_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    pipe, gone, folder = tmp_path / "pipe.txt", tmp_path / "gone.txt", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    good = write(tmp_path / "good.txt", "words")

    read = fingerprint(
        [FilePart(pipe, 0), FilePart(gone, 5), good, FilePart(folder, 0)], chunking="256/32"
    )

    assert [part.path for part in read.changed] == [good.path]
    assert read.settled == [
        FileOutcome(pipe, "failed", "is not a regular file; leave it out"),
        FileOutcome(gone, "failed", "vanished while it was read"),
        FileOutcome(folder, "failed", "is not a regular file; leave it out"),
    ]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
def test_a_file_whose_reading_fails_says_what_the_system_said() -> None:
    read = fingerprint([FilePart(Path("/proc/self/mem"), 0)], chunking="256/32")

    [outcome] = read.settled
    assert outcome.reason == "cannot be read: input/output error"


A = FilePart(Path("/docs/a.txt"), 5, version="a2")
B = FilePart(Path("/docs/b.txt"), 5, version="b1")
C = FilePart(Path("/docs/c.txt"), 5, version="c1")
NEW = "the index does not hold it"


def held(store: Any, part: FilePart, version: str, generation: int = 0) -> None:
    """Put a complete version of a file, of one chunk, into the store."""
    metadata = {
        "file_path": str(part.path),
        "version": version,
        "generation": generation,
        "chunk_count": 1,
    }
    source = RelatedNodeInfo(node_id=part.source_id)
    store.add(
        [
            TextNode(
                id_=head_id(part.source_id, generation),
                metadata=metadata,
                relationships={NodeRelationship.SOURCE: source},
            )
        ]
    )


async def test_a_file_held_in_its_present_version_is_unchanged(store: Any, catalog: Any) -> None:
    held(store, A, "a2")
    held(store, B, "b1", generation=7)

    compared = await compare([A, B], catalog=catalog)

    assert compared.changed == []
    assert compared.settled == [
        FileOutcome(one.path, "unchanged", "same content") for one in (A, B)
    ]


async def test_a_new_file_is_of_the_first_generation(store: Any, catalog: Any) -> None:
    held(store, C, "a2")

    compared = await compare([A], catalog=catalog)

    assert compared.changed == [replace(A, reason=NEW)]
    assert compared.settled == []


async def test_a_changed_file_is_of_the_generation_after_the_one_held(
    store: Any, catalog: Any
) -> None:
    held(store, A, "a1", generation=3)
    changed = replace(A, content=FileContent("other words"))

    compared = await compare([changed, B], catalog=catalog)

    assert compared.changed == [
        replace(changed, generation=4, reason="its content changed"),
        replace(B, reason=NEW),
    ]


@pytest.mark.parametrize(
    ("older", "newer", "changed"),
    [("a1", "a2", []), ("a2", "a1", [replace(A, generation=2, reason="the chunking changed")])],
    ids=["unchanged", "back to what it was"],
)
async def test_of_two_versions_held_the_newer_counts(
    store: Any, catalog: Any, older: str, newer: str, changed: list[FilePart]
) -> None:
    held(store, A, newer, generation=1)
    held(store, A, older)

    assert (await compare([A], catalog=catalog)).changed == changed


async def test_a_new_file_with_the_content_of_one_that_is_gone_was_moved(
    store: Any, catalog: Any
) -> None:
    held(store, C, "c1")
    parts = [replace(part, content=FileContent("words")) for part in (A, C)]

    compared = await compare(parts, catalog=catalog, gone={"words"})

    assert compared.changed == [replace(parts[0], moved=True, reason=NEW)]
    assert [one.path for one in compared.settled] == [C.path], "a file that is there was not"


async def test_the_rest_of_a_file_is_never_unchanged(store: Any, catalog: Any) -> None:
    rest = replace(A, cursor=Cursor(position=100, chars=100), chunks=3, generation=5)
    held(store, A, "a2")

    compared = await compare([rest, A], catalog=catalog)

    assert compared.changed == [replace(rest, reason=NEW)], (
        "it keeps the generation of its beginning"
    )
    assert compared.settled == [FileOutcome(A.path, "unchanged", "same content")]


async def test_the_catalog_is_asked_about_each_new_part_in_one_call(catalog: Any) -> None:
    rest = replace(B, cursor=Cursor(position=100, chars=100))

    await compare([A, rest], catalog=catalog)

    assert catalog.asked == [[A.source_id]]


def test_a_want_of_descriptors_is_no_fault_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("There.")
    with no_descriptors(), pytest.raises(OutOfResources, match=r"a\.txt"):
        fingerprint([FilePart(tmp_path / "a.txt", 6)], chunking="c")
