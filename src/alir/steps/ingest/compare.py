"""Compare: find the files that the index does not hold in their present version."""

import hashlib
import os
import stat
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alir.errors import OutOfResources, UnreadableFile, is_want
from alir.models.files import FileContent, FileOutcome, FilePart, digest
from alir.models.records import SourceRecord
from alir.ports import ShardCatalog

TICK_NS = 2_000_000_000
"""Resolution of the coarsest file system clock: FAT."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Files sorted by whether to ingest them."""

    changed: list[FilePart] = field(default_factory=list)
    settled: list[FileOutcome] = field(default_factory=list)
    """Unchanged files, and those that could not be read."""
    unchanged: list[FilePart] = field(default_factory=list)


def fingerprint(
    parts: Sequence[FilePart], *, chunking: str, known: Mapping[str, SourceRecord] | None = None
) -> Comparison:
    """Give each new part its version: a hash of the file's path, its content and `chunking`.

    Reads every file whole, in bounded memory, except those with the size and times of their record
    in `known` (by source id). A part that has a version keeps it. Blocks.
    """
    comparison = Comparison()
    for part in parts:
        if part.version:
            comparison.changed.append(part)
            continue
        try:
            seen = content(part.path, (known or {}).get(part.source_id))
        except UnreadableFile as error:
            comparison.settled.append(FileOutcome(part.path, "failed", error.reason))
        else:
            version = digest(part.source_id, seen.hash, chunking)
            comparison.changed.append(replace(part, version=version, content=seen))
    return comparison


async def compare(
    parts: Sequence[FilePart], *, catalog: ShardCatalog, gone: Collection[str] = ()
) -> Comparison:
    """Sort `parts`, which have versions, into those to ingest and those that the index holds.

    Args:
        gone: content hashes of files that the index holds and the folder lost.
    """
    comparison = Comparison()
    held = await catalog.live_versions([part.source_id for part in parts if part.cursor is None])
    for part in parts:
        live = held.get(part.source_id) if part.cursor is None else None
        if live is None:
            moved = part.moved or part.content.hash in gone
            reason = part.reason or "the index does not hold it"
            comparison.changed.append(replace(part, moved=moved, reason=reason))
        elif live.version == part.version:
            reason = "same size and times" if part.content.is_known else "same content"
            comparison.settled.append(FileOutcome(part.path, "unchanged", reason))
            comparison.unchanged.append(part)
        else:
            same = live.content_hash == part.content.hash
            reason = "the chunking changed" if same else "its content changed"
            changed = replace(part, generation=live.generation + 1, reason=reason)
            comparison.changed.append(changed)
    return comparison


def content(path: Path, known: SourceRecord | None = None) -> FileContent:
    """Return the file's content; without reading it if its size and times are those of `known`.

    Raises:
        UnreadableFile: it is no regular file, or the system does not let it be read.
        OutOfResources: the system lends no more open files or memory.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UnreadableFile(path, "has a name that is not UTF-8; rename it") from error
    try:
        status = path.lstat()
        # A pipe or a device would block for ever on opening, a link leads out of the root.
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFile(path, "is not a regular file; leave it out")
        if known is not None and known.content_hash and _is_as(known, status):
            return _seen(known.content_hash, status, is_old=True, is_known=True)
        now_ns = time.time_ns()
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content_hash = hashlib.file_digest(file, "sha256").hexdigest()
        # A write within a tick of the file system's clock may leave the times as they are.
        is_old = max(status.st_mtime_ns, status.st_ctime_ns) < now_ns - TICK_NS
        return _seen(content_hash, status, is_old=is_old)
    except FileNotFoundError as error:
        raise UnreadableFile(path, "vanished while it was read") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if is_want(error):  # it is no fault of the file
            raise OutOfResources(str(path), reason) from error
        raise UnreadableFile(path, f"cannot be read: {reason}") from error


def is_unchanged(path: Path, seen: FileContent) -> bool:
    """Return whether the content is still `seen`; reads the file only if its times may mislead.

    Raises:
        UnreadableFile: it is gone, or the system does not let it be read.
    """
    try:
        if seen.is_old:
            return _is_as(seen, path.lstat())
    except OSError:
        pass
    return content(path).hash == seen.hash


def _is_as(known: SourceRecord | FileContent, status: os.stat_result) -> bool:
    now = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return (known.size_bytes, known.mtime_ns, known.ctime_ns) == now


def _seen(
    content_hash: str, status: os.stat_result, *, is_old: bool, is_known: bool = False
) -> FileContent:
    times = status.st_mtime_ns, status.st_ctime_ns
    return FileContent(content_hash, status.st_size, *times, is_old, is_known)
