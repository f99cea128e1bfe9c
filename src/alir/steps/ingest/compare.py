"""Compare: find the files that the index does not hold in their present version."""

import asyncio
import hashlib
import os
import stat
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alir.errors import UnreadableFile
from alir.models.files import FileContent, FileOutcome, FilePart, StoredSource, digest
from alir.models.records import SourceRecord
from alir.ports import ShardCatalog

NextGeneration = Callable[[int], Awaitable[int]]
"""Draws a fencing token above a number."""
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
    parts: Sequence[FilePart],
    *,
    chunking: str,
    known: Mapping[str, SourceRecord],
    catalog: ShardCatalog,
    next_generation: NextGeneration,
    gone: Collection[str] = (),
    damaged: Collection[str] = (),
) -> Comparison:
    """Sort `parts` into those to ingest and those that the index holds in their present version.

    A part to ingest gets its fencing token, which is drawn before the content is read that its
    version is made of. Parts that have a version are parts of files that were compared before.

    Args:
        known: records of the ledger by source id, for sizes and times.
        gone: content hashes of files that the index holds and the folder lost.
        damaged: source ids of files that lack chunks in the index, to ingest in any case.
    """
    begun = [part for part in parts if part.version]
    new = [part for part in parts if not part.version]
    # Of an unchanged folder the ledger knows every file, and nothing is drawn.
    drawn = 0 if all(part.source_id in known for part in new) else await next_generation(0)
    found = await asyncio.to_thread(fingerprint, new, chunking=chunking, known=known)
    live = await _live(found.changed, known, catalog=catalog)
    compared = sort_parts(found.changed, live, gone=gone, damaged=damaged)
    settled = found.settled + compared.settled
    sure: list[FilePart] = []
    unsure: list[FilePart] = []
    for part in compared.changed:
        (unsure if _is_unsure(part, drawn, live) else sure).append(replace(part, generation=drawn))
    if unsure:
        held = [live[part.source_id].generation for part in unsure if part.source_id in live]
        drawn = await next_generation(max(held, default=0))
        again = await asyncio.to_thread(fingerprint, _unread(unsure), chunking=chunking)
        compared_again = sort_parts(again.changed, live, gone=gone, damaged=damaged)
        sure += [replace(part, generation=drawn) for part in compared_again.changed]
        settled += again.settled + compared_again.settled
        compared.unchanged.extend(compared_again.unchanged)
    return Comparison(begun + sure, settled, compared.unchanged)


def sort_parts(
    parts: Sequence[FilePart],
    live: Mapping[str, StoredSource],
    *,
    gone: Collection[str] = (),
    damaged: Collection[str] = (),
) -> Comparison:
    """Sort `parts`, which have versions, by whether they are what is `live`; see `compare`."""
    comparison = Comparison()
    for part in parts:
        held = live.get(part.source_id)
        if held is None:
            moved = part.content.hash in gone
            comparison.changed.append(
                replace(part, moved=moved, reason="the index does not hold it")
            )
        elif held.version == part.version and part.source_id not in damaged:
            reason = "same size and times" if part.content.is_known else "same content"
            comparison.settled.append(FileOutcome(part.path, "unchanged", reason))
            comparison.unchanged.append(
                replace(part, chunks=held.chunks, generation=held.generation)
            )
        else:
            comparison.changed.append(replace(part, is_held=True, reason=_reason(part, held)))
    return comparison


def _reason(part: FilePart, held: StoredSource) -> str:
    if held.content_hash != part.content.hash:
        return "its content changed"
    return "the index lost chunks of it" if held.version == part.version else "the chunking changed"


async def _live(
    parts: Sequence[FilePart], known: Mapping[str, SourceRecord], *, catalog: ShardCatalog
) -> dict[str, StoredSource]:
    """Return the live versions; ask again for files that the ledger has and the index denies."""
    live = await catalog.live_versions([part.source_id for part in parts])
    denied = [
        part.source_id
        for part in parts
        if part.source_id not in live
        and part.source_id in known
        and known[part.source_id].stage == "settled"
    ]
    return live | await catalog.live_versions(denied) if denied else live


def _is_unsure(part: FilePart, drawn: int, live: Mapping[str, StoredSource]) -> bool:
    """Return whether the token came after the reading, or is not above the version's that is live.

    The latter happens where the sequence was lost, or is another machine's.
    """
    held = live.get(part.source_id)
    return not drawn or part.content.is_known or (held is not None and held.generation >= drawn)


def _unread(parts: Sequence[FilePart]) -> list[FilePart]:
    return [replace(part, version="", content=FileContent()) for part in parts]


def content(path: Path, known: SourceRecord | None = None) -> FileContent:
    """Return the file's content; without reading it if its size and times are those of `known`.

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
