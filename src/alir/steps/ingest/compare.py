"""Compare: find the files that the index does not hold in their present version."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alir.errors import UnreadableFile
from alir.models.files import FileLimits, FileOutcome, FilePart, digest
from alir.models.records import SourceRecord
from alir.ports import ShardCatalog
from alir.steps.ingest.open_file import OpenFolders
from alir.steps.ingest.read_file import content


@dataclass(frozen=True, slots=True)
class Comparison:
    """Files sorted by whether to ingest them."""

    changed: list[FilePart] = field(default_factory=list)
    settled: list[FileOutcome] = field(default_factory=list)
    """Unchanged files, and those that could not be read."""
    unchanged: list[FilePart] = field(default_factory=list)


def fingerprint(
    parts: Sequence[FilePart],
    *,
    chunking: str,
    known: Mapping[str, SourceRecord] | None = None,
    limits: FileLimits = FileLimits(),  # noqa: B008  frozen
    check: Callable[[], None] = lambda: None,
) -> Comparison:
    """Give each new part its version: a hash of the file's path, its content and `chunking`.

    Reads every file whole, in bounded memory, except those with the size and times of their record
    in `known` (by source id). A part that has a version keeps it. Blocks.

    Args:
        check: called often; may end it by raising.
    """
    comparison = Comparison()
    with OpenFolders() as folders:
        for part in parts:
            check()
            if part.version:
                comparison.changed.append(part)
                continue
            record = (known or {}).get(part.source_id)
            try:
                seen = content(part.path, record, folders=folders, limits=limits, check=check)
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
