"""Load: a bounded amount of text at a time, and a file that cannot be read fails alone."""

from dataclasses import replace
from pathlib import Path

from alir.documents.formats import read as read_document
from alir.models.files import FileLimits, FilePart
from alir.models.reading import Cursor, Segment
from alir.steps.ingest.load import LoadResult, load
from alir.steps.ingest.open_file import BEHIND_A_LINK


def write(path: Path, text: str) -> FilePart:
    path.write_text(text, encoding="utf-8")
    return FilePart(path, path.stat().st_size, version="v1")


def texts(loaded: LoadResult) -> list[str]:
    return ["".join(segment.text for segment in one.segments) for one in loaded.loaded]


def test_files_are_read_in_order_each_with_its_text(tmp_path: Path) -> None:
    parts = [write(tmp_path / f"{name}.txt", f"text of {name}\n") for name in "cab"]

    read = load(parts, budget_chars=1_000, read=read_document)

    assert [one.part for one in read.loaded] == parts
    assert texts(read) == ["text of c\n", "text of a\n", "text of b\n"]
    assert read.loaded[0].segments == [Segment("text of c\n", 0, page=None)]
    assert [one.next for one in read.loaded] == [None, None, None]
    assert (read.untouched, read.failures) == ([], [])


def test_parts_beyond_the_budget_are_left_untouched(tmp_path: Path) -> None:
    parts = [write(tmp_path / f"{name}.txt", "ten chars\n") for name in "abcd"]

    read = load(parts, budget_chars=20, read=read_document)

    assert texts(read) == ["ten chars\n", "ten chars\n"]
    assert read.untouched == parts[2:]


def test_the_file_on_which_the_budget_ends_is_read_in_part_and_goes_on(tmp_path: Path) -> None:
    small = write(tmp_path / "a.txt", "ten chars\n")
    large = write(tmp_path / "b.txt", "one line\n" * 1_000)
    last = write(tmp_path / "c.txt", "ten chars\n")

    read = load([small, large, last], budget_chars=10 + 500 * 9, read=read_document)

    assert texts(read) == ["ten chars\n", "one line\n" * 500]
    assert read.loaded[1].next is not None
    assert read.loaded[1].next.chars == 500 * 9
    assert read.untouched == [last]


def test_no_word_is_cut_for_what_little_of_the_budget_is_left(tmp_path: Path) -> None:
    first = write(tmp_path / "a.txt", "ten chars\n" * 500)
    second = write(tmp_path / "b.txt", "considerable words\n" * 500)

    read = load([first, second], budget_chars=5_005, read=read_document)

    assert all(text.endswith("\n") for text in texts(read)), texts(read)[1:]


def test_a_file_read_in_parts_is_read_whole_and_only_once(tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(200))
    part = write(tmp_path / "a.txt", text)
    found = ""
    cursor: Cursor | None = None
    for _ in range(100):
        [one] = load([replace(part, cursor=cursor)], budget_chars=100, read=read_document).loaded
        assert one.segments[0].start == len(found)
        found += "".join(segment.text for segment in one.segments)
        cursor = one.next
        if cursor is None:
            break

    assert found == text


def test_a_file_that_cannot_be_read_fails_alone_and_costs_no_budget(tmp_path: Path) -> None:
    gone = FilePart(tmp_path / "gone.txt", 5, version="v1")
    empty = write(tmp_path / "empty.txt", "")
    good = write(tmp_path / "good.txt", "ten chars\n")

    read = load([gone, empty, good], budget_chars=1, read=read_document)

    assert [(one.part, one.reason) for one in read.failures] == [
        (gone, "vanished while it was read"),
        (empty, "is empty; fill it or leave it out"),
    ]
    assert [one.part for one in read.loaded] == [good]
    assert read.untouched == []


def test_a_file_of_too_many_chunks_fails_with_the_limit(tmp_path: Path) -> None:
    part = replace(write(tmp_path / "a.txt", "ten chars\n"), chunks=7)
    limits = FileLimits(chunks=7)

    read = load([part], budget_chars=10, read=read_document, limits=limits)

    assert [one.reason for one in read.failures] == [
        "makes more than the 7 chunks that alir makes of a file; split it, or raise "
        "ALIR_MAX_FILE_CHUNKS"
    ]
    for unlimited in (FileLimits(chunks=0), FileLimits(chunks=8)):
        assert load([part], budget_chars=10, read=read_document, limits=unlimited).loaded


def test_a_file_that_became_a_link_is_not_read(tmp_path: Path) -> None:
    part = write(tmp_path / "a.txt", "ten chars\n")
    part.path.rename(tmp_path / "outside.txt")
    part.path.symlink_to(tmp_path / "outside.txt")

    read = load([part], budget_chars=10, read=read_document)

    assert [one.reason for one in read.failures] == [BEHIND_A_LINK]


def test_nothing_is_loaded_of_nothing() -> None:
    assert load([], budget_chars=10, read=read_document) == LoadResult()
