"""Journal: record in the ledger how far each file came."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

from alir.models.files import EarlierRoots, FileOutcome, FilePart
from alir.models.records import SourceRecord, Stage
from alir.ports import Catalog, Ledger, ShardLedger
from alir.steps.ingest.walk import NO_EARLIER, check_listed


async def journal(parts: Sequence[FilePart], stage: Stage, *, ledger: ShardLedger | None) -> None:
    """Record that the versions of `parts` reached `stage`."""
    if ledger is not None and parts:
        await ledger.record_sources([_record(part, stage) for part in parts])


async def journal_failures(
    failed: Sequence[FileOutcome],
    roots: Sequence[Path],
    *,
    ledger: Ledger | None,
    now_s: float,
    earlier: EarlierRoots = NO_EARLIER,
) -> None:
    """Record the files that failed, and forget the other failures below `roots`."""
    if ledger is None:
        return
    reasons = {one.path: one.reason for one in failed}
    if reasons:
        await ledger.record_failures(reasons, now_s)
    others = [one for one in await ledger.failed_files() if one.path not in reasons]
    known = await asyncio.to_thread(check_listed, others, roots, earlier)
    settled = [one.path for one, is_there in known if is_there is not None]
    if settled:
        await ledger.forget_failures(settled)


async def forget_leftover(
    failed: Sequence[FileOutcome],
    roots: Sequence[Path],
    *,
    held: Collection[str],
    ledger: Ledger,
    earlier: EarlierRoots = NO_EARLIER,
) -> None:
    """Forget what the ledger knows below `roots` of failed and of gone files that are not `held`.

    Runs that did not end leave such records, and so do a rebuild and a rollback: the collection
    that is live then may never have held the file.

    Args:
        held: source ids of the files that the index holds.
    """
    failures = {one.path for one in failed}
    leftover = [
        one
        async for one in ledger.sources_below((*roots, *earlier.paths))
        if one.stage != "settled" or one.source_id not in held
    ]
    known = await asyncio.to_thread(check_listed, leftover, roots, earlier)
    over = [one.source_id for one, is_there in known if is_there is False or one.path in failures]
    if over:
        await ledger.forget_sources(over)


def _record(part: FilePart, stage: Stage) -> SourceRecord:
    content = part.content
    # Of times that may hide a write since, none is kept: the file is read again.
    return SourceRecord(
        source_id=part.source_id,
        path=part.path,
        size_bytes=content.size_bytes if content.hash else part.size_bytes,
        mtime_ns=content.mtime_ns if content.is_old else 0,
        ctime_ns=content.ctime_ns if content.is_old else 0,
        content_hash=content.hash,
        version=part.version,
        chunks=part.chunks,
        stage=stage,
        generation=part.generation,
    )


async def relearn(*, catalog: Catalog, ledger: Ledger) -> int:
    """Replace the records of the ledger by the files that the index holds; return how many.

    The index has no sizes and times, so the next run reads each file once. Failures stay.
    """
    files = 0

    async def records() -> AsyncIterator[SourceRecord]:
        nonlocal files
        async for source in catalog.complete_versions():
            files += 1
            yield SourceRecord(
                source_id=source.source_id,
                path=source.path,
                size_bytes=0,
                mtime_ns=0,
                content_hash=source.content_hash,
                version=source.version,
                chunks=source.chunks,
                stage="settled",
                generation=source.generation,
            )

    await ledger.replace_sources(records())
    return files
