"""Compare: which files the index does not hold in their present version."""

import hashlib
import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alir.errors import UnreadableFile
from alir.models import FileOutcome, FilePart, digest
from alir.ports import Catalog


@dataclass(frozen=True, slots=True)
class Comparison:
    """Files sorted by what there is to do."""

    changed: list[FilePart] = field(default_factory=list)
    settled: list[FileOutcome] = field(default_factory=list)
    """Unchanged files, and those that could not be read."""


def fingerprint(parts: Sequence[FilePart], *, chunking: str) -> Comparison:
    """Give each new part its version: a hash of the file's path, its content and `chunking`.

    Reads every file whole, in bounded memory; a part that has a version keeps it. Blocks; call
    it off the event loop.
    """
    comparison = Comparison()
    for part in parts:
        if part.version:
            comparison.changed.append(part)
            continue
        try:
            content_hash, written_ns = content(part.path)
        except UnreadableFile as error:
            comparison.settled.append(FileOutcome(part.path, "failed", error.reason))
        else:
            version = digest(part.source_id, content_hash, chunking)
            seen = replace(part, version=version, content_hash=content_hash, written_ns=written_ns)
            comparison.changed.append(seen)
    return comparison


async def compare(
    parts: Sequence[FilePart], *, catalog: Catalog, gone: Collection[str] = ()
) -> Comparison:
    """Sort `parts` (with versions) into those to ingest and those the index holds already.

    Args:
        gone: content hashes of files that the index holds and the folder does not, any more.
    """
    comparison = Comparison()
    held = await catalog.live([part.source_id for part in parts if part.cursor is None])
    for part in parts:
        live = held.get(part.source_id) if part.cursor is None else None
        if live is None:
            moved = part.moved or part.content_hash in gone
            comparison.changed.append(replace(part, moved=moved))
        elif live.version == part.version:
            comparison.settled.append(FileOutcome(part.path, "unchanged"))
        else:
            comparison.changed.append(replace(part, generation=live.generation + 1))
    return comparison


def content(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of what the file holds, and when it was last written, in ns.

    Raises: UnreadableFile.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UnreadableFile(path, "has a name that is not UTF-8; rename it") from error
    try:
        # A pipe or a device would block for ever on opening, a link leads out of the root.
        if not stat.S_ISREG(path.lstat().st_mode):
            raise UnreadableFile(path, "is not a regular file; leave it out")
        with path.open("rb") as file:
            written_ns = os.fstat(file.fileno()).st_mtime_ns
            return hashlib.file_digest(file, "sha256").hexdigest(), written_ns
    except FileNotFoundError as error:
        raise UnreadableFile(path, "vanished while it was read") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnreadableFile(path, f"cannot be read: {reason}") from error
