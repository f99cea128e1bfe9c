"""Compare: a file's version, and whether the index holds it."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.errors import OutOfResources
from alir.models.files import FileContent, FileOutcome, FilePart, StoredSource, digest, head_id
from alir.models.reading import Cursor
from alir.models.records import SourceRecord
from alir.steps.ingest.compare import Comparison, compare, fingerprint, sort_parts
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
    read = fingerprint([FilePart(Path(f"/proc/{os.getpid()}/mem"), 0)], chunking="256/32")

    [outcome] = read.settled
    assert outcome.reason == "cannot be read: input/output error"


A = FilePart(Path("/docs/a.txt"), 5, version="a2")
B = FilePart(Path("/docs/b.txt"), 5, version="b1")
C = FilePart(Path("/docs/c.txt"), 5, version="c1")
NEW = "the index does not hold it"


def stored(part: FilePart, version: str = "", generation: int = 3, chunks: int = 2) -> StoredSource:
    version = version or part.version
    return StoredSource(part.source_id, part.path, version, generation, part.content.hash, chunks)


def live(*versions: StoredSource) -> dict[str, StoredSource]:
    return {one.source_id: one for one in versions}


def test_a_file_held_in_its_present_version_is_unchanged() -> None:
    sorted_ = sort_parts([A, B], live(stored(A), stored(B)))

    assert sorted_.changed == []
    assert sorted_.settled == [FileOutcome(one.path, "unchanged", "same content") for one in (A, B)]
    assert sorted_.unchanged == [replace(one, chunks=2, generation=3) for one in (A, B)]


def test_what_changed_is_told_with_the_reason() -> None:
    changed = replace(A, content=FileContent("other words"))

    sorted_ = sort_parts([changed, B, C], live(stored(A, "a1"), stored(C, "of other chunks")))

    assert sorted_.changed == [
        replace(changed, is_held=True, reason="its content changed"),
        replace(B, reason=NEW),
        replace(C, is_held=True, reason="the chunking changed"),
    ]


def test_a_file_that_lost_chunks_is_ingested_though_it_is_the_same() -> None:
    sorted_ = sort_parts([A, B], live(stored(A), stored(B)), damaged={A.source_id})

    lost = "the index lost chunks of it"
    assert sorted_.changed == [replace(A, is_held=True, reason=lost)]
    assert [one.path for one in sorted_.settled] == [B.path]


def test_a_new_file_with_the_content_of_one_that_is_gone_was_moved() -> None:
    parts = [replace(part, content=FileContent("words")) for part in (A, C)]

    sorted_ = sort_parts(parts, live(stored(parts[1])), gone={"words"})

    assert sorted_.changed == [replace(parts[0], moved=True, reason=NEW)]
    assert [one.path for one in sorted_.settled] == [C.path], "a file that is there was not"


class Numbers:
    """Draws fencing tokens, and knows what was read before."""

    def __init__(self, last: int = 100) -> None:
        self.last = last
        self.above: list[int] = []

    async def __call__(self, above: int) -> int:
        self.above.append(above)
        self.last = max(self.last, above) + 1
        return self.last


def held(store: Any, part: FilePart, version: str, generation: int = 3) -> None:
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


def record(part: FilePart, content_hash: str = "", *, chunking: str = "256/32") -> SourceRecord:
    """What a ledger knows of a file that it saw as it is, with this hash of its content."""
    status = part.path.stat()
    content_hash = content_hash or hashlib.sha256(part.path.read_bytes()).hexdigest()
    return SourceRecord(
        part.source_id,
        part.path,
        status.st_size,
        status.st_mtime_ns,
        content_hash,
        digest(part.source_id, content_hash, chunking),
        1,
        "settled",
        ctime_ns=status.st_ctime_ns,
    )


async def compared(
    catalog: Any, *parts: FilePart, draw: Numbers, known: Mapping[str, SourceRecord] | None = None
) -> Comparison:

    async def read(new: Sequence[FilePart], known: Mapping[str, SourceRecord]) -> Comparison:
        return fingerprint(new, chunking="256/32", known=known)

    return await compare(
        parts, known=known or {}, fingerprint=read, catalog=catalog, next_generation=draw
    )


async def test_a_new_file_gets_a_token_that_was_drawn_before_it_was_read(
    catalog: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    part = write(path, "words")

    class Rewriting(Numbers):
        async def __call__(self, above: int) -> int:
            write(path, "other words")
            return await super().__call__(above)

    found = await compared(catalog, part, draw=Rewriting())

    assert [one.generation for one in found.changed] == [101]
    assert found.changed[0].content.hash == hashlib.sha256(b"other words").hexdigest()


async def test_of_an_unchanged_folder_nothing_is_drawn(
    store: Any, catalog: Any, tmp_path: Path
) -> None:
    part, draw = write(tmp_path / "a.txt", "words"), Numbers()
    held(store, part, version(part))

    found = await compared(catalog, part, draw=draw, known={part.source_id: record(part)})

    assert [one.outcome for one in found.settled] == ["unchanged"]
    assert draw.above == []


async def test_a_token_is_above_the_one_that_is_live(
    store: Any, catalog: Any, tmp_path: Path
) -> None:
    part, draw = write(tmp_path / "a.txt", "words"), Numbers(last=100)
    held(store, part, "of another machine", generation=5000)

    found = await compared(catalog, part, draw=draw)

    assert [one.generation for one in found.changed] == [5001]
    assert draw.above == [0, 5000]


async def test_a_wrong_hash_of_the_ledger_is_not_written_into_the_index(
    store: Any, catalog: Any, tmp_path: Path
) -> None:
    part, draw = write(tmp_path / "a.txt", "words"), Numbers()
    held(store, part, version(part))
    wrong = record(part, "0" * 64)

    found = await compared(catalog, part, draw=draw, known={part.source_id: wrong})

    assert found.changed == []
    assert [one.content.hash for one in found.unchanged] == [hashlib.sha256(b"words").hexdigest()]


async def test_what_the_ledger_has_and_the_index_denies_is_asked_for_again(
    store: Any, catalog: Any, tmp_path: Path
) -> None:
    part, draw = write(tmp_path / "a.txt", "words"), Numbers()
    held(store, part, version(part))

    class Once:
        """Denies everything in its first answer."""

        def __init__(self) -> None:
            self.answers = 0

        async def live_versions(self, ids: list[str]) -> dict[str, StoredSource]:
            self.answers += 1
            return {} if self.answers == 1 else await catalog.live_versions(ids)

    lying = Once()
    found = await compared(lying, part, draw=draw, known={part.source_id: record(part)})

    assert lying.answers == 2
    assert [one.outcome for one in found.settled] == ["unchanged"]


async def test_the_rest_of_a_file_goes_on_as_it_began(catalog: Any) -> None:
    rest = replace(A, cursor=Cursor(position=100, chars=100), chunks=3, generation=5)

    found = await compared(catalog, rest, draw=Numbers())

    assert found.changed == [rest]
    assert catalog.asked == [[]]


def test_a_want_of_descriptors_is_no_fault_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("There.")
    with no_descriptors(), pytest.raises(OutOfResources, match=r"a\.txt"):
        fingerprint([FilePart(tmp_path / "a.txt", 6)], chunking="c")
