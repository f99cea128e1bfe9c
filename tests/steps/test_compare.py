"""Compare: a file's version, and whether the index holds it."""

import os
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from alir.models import Cursor, FileOutcome, FilePart, StoredSource, source_id
from alir.steps.compare import compare, fingerprint


@dataclass
class HeldVersions:
    """A catalog that says what it was told."""

    held: dict[str, set[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    collection: str = "held"

    async def versions(self, source_ids: Sequence[str]) -> dict[str, set[str]]:
        self.asked += source_ids
        return {source: self.held[source] for source in source_ids if source in self.held}

    async def sources(self) -> AsyncIterator[StoredSource]:
        raise NotImplementedError
        yield

    async def chunks(self) -> int:
        raise NotImplementedError


def write(path: Path, text: str) -> FilePart:
    path.write_text(text, encoding="utf-8")
    return FilePart(path, path.stat().st_size)


def version(part: FilePart, chunking: str = "256/32") -> str:
    [found] = fingerprint([part], chunking=chunking).changed
    assert found == replace(part, version=found.version, content=found.content), (
        "nothing else of the part changes"
    )
    return found.version


def test_a_version_stands_for_the_content_of_one_file(tmp_path: Path) -> None:
    part, other = write(tmp_path / "a.txt", "words"), write(tmp_path / "b.txt", "words")

    assert re.fullmatch("[0-9a-f]{32}", version(part))
    assert version(replace(part, size_bytes=0, replaces=True)) == version(part)
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


async def test_a_file_held_in_its_present_version_is_unchanged() -> None:
    catalog = HeldVersions({A.source_id: {"a2"}, B.source_id: {"b1"}})

    compared = await compare([A, B], catalog=catalog)

    assert compared.changed == []
    assert compared.settled == [FileOutcome(A.path, "unchanged"), FileOutcome(B.path, "unchanged")]


async def test_a_new_file_replaces_nothing() -> None:
    compared = await compare([A], catalog=HeldVersions({source_id(Path("/docs/c.txt")): {"a2"}}))

    assert compared.changed == [A]
    assert compared.settled == []


async def test_a_changed_file_replaces_the_version_held() -> None:
    compared = await compare([A, B], catalog=HeldVersions({A.source_id: {"a1"}}))

    assert compared.changed == [replace(A, replaces=True), B]


async def test_a_file_held_in_two_versions_is_ingested_again_so_that_one_goes() -> None:
    compared = await compare([A], catalog=HeldVersions({A.source_id: {"a1", "a2"}}))

    assert compared.changed == [replace(A, replaces=True)]
    assert compared.settled == []


async def test_the_rest_of_a_file_is_never_unchanged() -> None:
    rest = replace(A, cursor=Cursor(position=100, chars=100), chunks=3)
    held = HeldVersions({A.source_id: {"a2"}})

    compared = await compare([rest, A], catalog=held)

    assert [part.cursor for part in compared.changed] == [rest.cursor]
    assert compared.settled == [FileOutcome(A.path, "unchanged")]


async def test_the_rest_of_a_file_replaces_what_its_beginning_does() -> None:
    rest = replace(A, cursor=Cursor(position=100, chars=100), chunks=3)
    replacing = replace(rest, replaces=True)

    compared = await compare([rest, replacing], catalog=HeldVersions())

    assert compared.changed == [rest, replacing]


async def test_the_catalog_is_asked_about_each_new_part_in_one_call() -> None:
    catalog = HeldVersions()
    rest = replace(B, cursor=Cursor(position=100, chars=100))

    await compare([A, rest], catalog=catalog)

    assert catalog.asked == [A.source_id]


async def test_nothing_to_compare_is_nothing_to_do() -> None:
    compared = await compare([], catalog=HeldVersions())

    assert (compared.changed, compared.settled) == ([], [])


def test_a_name_that_is_not_utf_8_fails_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("Coffee.")
    read = fingerprint([FilePart(path, 7)], chunking="c")
    assert read.changed == []
    assert read.settled == [FileOutcome(path, "failed", "has a name that is not UTF-8; rename it")]
