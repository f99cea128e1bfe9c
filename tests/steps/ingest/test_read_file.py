"""Reading: a hash of the bytes, in pieces, and whether they changed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from alir.errors import UnreadableFile
from alir.models.files import FileContent, FileLimits
from alir.models.records import SourceRecord
from alir.steps.ingest.open_file import OpenFolders, open_file
from alir.steps.ingest.read_file import check_unchanged, content

LONG_AGO_S = 1_000_000_000


@pytest.fixture
def folders() -> Iterator[OpenFolders]:
    with OpenFolders() as folders:
        yield folders


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("words")
    return path


def record(seen: FileContent, path: Path) -> SourceRecord:
    return SourceRecord(
        *("id", path, seen.size_bytes, seen.mtime_ns, seen.hash, "v", 1, "settled", ""),
        ctime_ns=seen.ctime_ns,
    )


def test_what_looks_as_it_did_is_not_read(path: Path, folders: OpenFolders) -> None:
    seen = content(path, folders=folders)

    known = content(path, record(FileContent("of another", *_times(seen)), path), folders=folders)

    assert (known.hash, known.is_known) == ("of another", True)
    path.write_text("other words")
    assert content(path, record(seen, path), folders=folders).is_known is False


def _times(seen: FileContent) -> tuple[int, int, int]:
    return seen.size_bytes, seen.mtime_ns, seen.ctime_ns


class Years:
    """Statuses of a file whose clock is off: of no file system here can all of them be had."""

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def __call__(self, really: os.stat_result) -> os.stat_result:
        shown = [really.st_atime, self.ns / 1e9, self.ns / 1e9]
        exact = [really.st_atime_ns, self.ns, self.ns]
        return os.stat_result([*really[:10], *shown, *exact])


@pytest.mark.parametrize("year", [1600, 1969, 1970, 2262, 2500])
def test_times_out_of_range_are_times_unknown(
    path: Path, folders: OpenFolders, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    ns = round((year - 1970) * 365.2425 * 86_400) * 1_000_000_000
    really, of_year = os.fstat, Years(ns)
    monkeypatch.setattr(os, "fstat", lambda descriptor: of_year(really(descriptor)))

    seen = content(path, folders=folders)

    assert seen.mtime_ns == ns
    assert not seen.is_old, "so that the ledger keeps none, and the file is read each time"


def test_a_file_is_read_in_pieces_and_the_reading_can_be_ended(
    tmp_path: Path, folders: OpenFolders
) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(2**42)  # 4 TB, of which the disk has none
    pieces = 0

    def check() -> None:
        nonlocal pieces
        pieces += 1
        if pieces == 3:
            raise KeyError("enough")

    with pytest.raises(KeyError):
        content(path, folders=folders, limits=FileLimits(size_mib=0), check=check)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, folders: OpenFolders) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(2**42)

    with pytest.raises(UnreadableFile) as refused:
        content(path, folders=folders, limits=FileLimits(size_mib=7))

    assert refused.value.reason == (
        "is 4,194,304 MiB, more than the 7 MiB that alir reads of a file; split it, or raise "
        "ALIR_MAX_FILE_MIB"
    )


@pytest.mark.parametrize("is_old", [True, False])
@pytest.mark.parametrize("is_end", [True, False])
@pytest.mark.parametrize("change", ["none", "touch", "write", "write and back"])
def test_a_change_while_it_was_read_is_found(
    path: Path, folders: OpenFolders, is_old: bool, is_end: bool, change: str
) -> None:
    seen = content(path, folders=folders)
    seen = FileContent(seen.hash, *_times(seen), is_old=is_old)

    def check() -> None:
        with open_file(path, folders) as descriptor:
            before = os.fstat(descriptor)
            if change == "touch":
                os.utime(path, (LONG_AGO_S, LONG_AGO_S))
            elif change != "none":
                path.write_text("WORDS")
                os.utime(path, (LONG_AGO_S, LONG_AGO_S))
                path.write_text("words" if change == "write and back" else "WORDS")
                os.utime(path, (LONG_AGO_S, LONG_AGO_S + 1))
            check_unchanged(path, descriptor, before, seen, is_end=is_end, limits=FileLimits())

    if change == "none":
        check()
    else:
        with pytest.raises(UnreadableFile, match="changed while it was read"):
            check()


def test_a_file_that_was_touched_before_it_was_read_is_what_it_was(
    path: Path, folders: OpenFolders
) -> None:
    seen = content(path, folders=folders)
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))

    with open_file(path, folders) as descriptor:
        before = os.fstat(descriptor)
        check_unchanged(path, descriptor, before, seen, is_end=True, limits=FileLimits())
        path.write_text("other")
        with pytest.raises(UnreadableFile, match="changed while it was read"):
            check_unchanged(path, descriptor, before, seen, is_end=True, limits=FileLimits())
