"""Compare: which files the index does not hold in their present version."""

import hashlib
import os
import stat
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alir.errors import UnreadableFile
from alir.models.files import FileContent, FileOutcome, FilePart, digest
from alir.models.records import SourceRecord
from alir.ports import ShardCatalog

TICK_NS = 2_000_000_000
"""Of the coarsest file system's clock: FAT's."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Files sorted by what there is to do."""

    changed: list[FilePart] = field(default_factory=list)
    settled: list[FileOutcome] = field(default_factory=list)
    """Unchanged files, and those that could not be read."""
    unchanged: list[FilePart] = field(default_factory=list)


def fingerprint(
    parts: Sequence[FilePart], *, chunking: str, known: Mapping[str, SourceRecord] | None = None
) -> Comparison:
    """Give each new part its version: a hash of the file's path, its content and `chunking`.

    Reads every file whole, in bounded memory, but for those that `known`, by source id, holds as
    they are; a part that has a version keeps it. Blocks; call it off the event loop.
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
    """Sort `parts` (with versions) into those to ingest and those the index holds already.

    Args:
        gone: content hashes of files that the index holds and the folder does not, any more.
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
    """Return what the file holds; unread, if its size and times are those of `known`.

    Raises:
        UnreadableFile: it is no regular file, or the system does not let it be read.
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
        raise UnreadableFile(path, f"cannot be read: {reason}") from error


def is_unchanged(path: Path, seen: FileContent) -> bool:
    """Return whether the file holds what it did; reads it only where its times cannot tell.

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
