"""Compare: find the files that the index does not hold in their present version."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from alir.errors import UnreadableFile
from alir.models.files import (
    FileContent,
    FileLimits,
    FileOutcome,
    FilePart,
    StoredSource,
    digest,
)
from alir.models.records import SourceRecord
from alir.ports import ShardCatalog
from alir.steps.ingest.open_file import OpenFolders
from alir.steps.ingest.read_file import content

NextGeneration = Callable[[int], Awaitable[int]]
"""Draws a fencing token above a number."""
NOT_KNOWN: Mapping[str, SourceRecord] = {}


class Fingerprint(Protocol):
    """Gives parts their versions, as `fingerprint` does, off the event loop."""

    async def __call__(
        self, parts: Sequence[FilePart], known: Mapping[str, SourceRecord]
    ) -> "Comparison":
        """Return the parts with their versions, and those that could not be read."""
        ...


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
    parts: Sequence[FilePart],
    *,
    known: Mapping[str, SourceRecord],
    fingerprint: Fingerprint,
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
    found = await fingerprint(new, known)
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
        again = await fingerprint(_unread(unsure), NOT_KNOWN)
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
