"""Read files: their bytes, for a hash, and the size and times that show whether they changed."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from alir.errors import UnreadableFile
from alir.models.files import FileContent, FileLimits
from alir.models.records import SourceRecord
from alir.steps.ingest.open_file import (
    OpenFolders,
    check_name,
    check_regular,
    in_words,
    open_file,
)

TICK_NS = 2_000_000_000
"""Resolution of the coarsest file system clock: FAT."""
PIECE_BYTES = 1 << 20
"""Read between two checks whether to go on."""
_LATEST_NS = 2**63 - 1
"""The year 2262; what lies beyond, or before 1970, is no time that the ledger can hold."""


def content(
    path: Path,
    known: SourceRecord | None = None,
    *,
    folders: OpenFolders,
    limits: FileLimits = FileLimits(),  # noqa: B008  frozen
    check: Callable[[], None] = lambda: None,
) -> FileContent:
    """Return the file's content; without reading it if its size and times are those of `known`.

    Args:
        check: called between two pieces; may end the reading by raising.

    Raises:
        UnreadableFile: it is no regular file, too large, or the system does not let it be read.
    """
    check_name(path)
    with in_words(path):
        status = folders.status(path)
    check_regular(path, status)
    if known is not None and known.content_hash and _is_as(known, status):
        return _seen(known.content_hash, status, is_old=True, is_known=True)
    with open_file(path, folders) as descriptor:
        now_ns = time.time_ns()
        status = os.fstat(descriptor)
        content_hash = _hash(path, descriptor, limits, check)
    # A write within a tick of the file system's clock may leave the times as they are.
    times = status.st_mtime_ns, status.st_ctime_ns
    is_old = max(times) < min(now_ns - TICK_NS, _LATEST_NS) and min(times) > 0
    return _seen(content_hash, status, is_old=is_old)


def check_unchanged(
    path: Path,
    descriptor: int,
    before: os.stat_result,
    seen: FileContent,
    *,
    is_end: bool,
    limits: FileLimits,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Check that the file, which was just read by `descriptor`, is still what was `seen`.

    Args:
        before: its status before it was read.
        is_end: whether its end was read; only then its times, where they may mislead, are doubted.

    Raises:
        UnreadableFile: it changed, or cannot be read any more.
    """
    after = os.fstat(descriptor)
    if _stamp(before) == _stamp(after):
        if _is_as(seen, after) and (seen.is_old or not is_end):
            return
        if _hash(path, descriptor, limits, check) == seen.hash:
            return
    raise UnreadableFile(path, "changed while it was read; the next run reads it again")


def _hash(path: Path, descriptor: int, limits: FileLimits, check: Callable[[], None]) -> str:
    """Return the SHA-256 of the file's bytes, wherever the descriptor's position is."""
    hashed = hashlib.sha256()
    # The size is told wrong of some files, and may grow meanwhile.
    size_bytes = 0
    if too_large := limits.too_large(os.fstat(descriptor).st_size):
        raise UnreadableFile(path, too_large)
    while piece := os.pread(descriptor, PIECE_BYTES, size_bytes):
        check()
        hashed.update(piece)
        size_bytes += len(piece)
        if too_large := limits.too_large(size_bytes):
            raise UnreadableFile(path, too_large)
    return hashed.hexdigest()


def _is_as(known: SourceRecord | FileContent, status: os.stat_result) -> bool:
    return (known.size_bytes, known.mtime_ns, known.ctime_ns) == _stamp(status)


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _seen(
    content_hash: str, status: os.stat_result, *, is_old: bool, is_known: bool = False
) -> FileContent:
    times = status.st_mtime_ns, status.st_ctime_ns
    return FileContent(content_hash, status.st_size, *times, is_old, is_known)
