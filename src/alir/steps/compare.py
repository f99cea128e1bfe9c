"""Compare: which files the index does not hold in their present version."""

import hashlib
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

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
            content = _content_hash(part)
        except UnreadableFile as error:
            comparison.settled.append(FileOutcome(part.path, "failed", error.reason))
        else:
            version = digest(part.source_id, content, chunking)
            comparison.changed.append(replace(part, version=version, content_hash=content))
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


def _content_hash(part: FilePart) -> str:
    try:
        str(part.path).encode()
    except UnicodeEncodeError as error:
        raise UnreadableFile(part.path, "has a name that is not UTF-8; rename it") from error
    try:
        # A pipe or a device would block for ever on opening.
        if not stat.S_ISREG(part.path.stat().st_mode):
            raise UnreadableFile(part.path, "is not a regular file; leave it out")
        with part.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise UnreadableFile(part.path, "vanished while it was read") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnreadableFile(part.path, f"cannot be read: {reason}") from error
