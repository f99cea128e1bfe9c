"""Verify the index: compare folder, ledger and collection row by row, and mend what differs."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import perf_counter, time

from workflows import Context, Workflow, step

from alir.events.verify import (
    ComparisonRequested,
    DifferencesFound,
    RepairRequested,
    Verify,
    VerifyProgress,
    VerifyReport,
)
from alir.models.files import FileOutcome, Roots
from alir.ports import Ledger
from alir.steps.ingest.audit import Audit, audit
from alir.steps.ingest.mend import Repairs, delete_gone, delete_wrong, select_repairs
from alir.workflows.ingest import IngestCorpus


class VerifyCorpus(Workflow):
    """Compare folder, ledger and index row by row; if asked to, mend what differs.

    A comparison takes no lock and writes nothing. A repair holds the run lock from its first
    reading to its last.

    Args:
        corpus: the workflow that ingests files into the index.
        check: refuses, by raising, what an ingestion would be refused for.
    """

    def __init__(
        self,
        *,
        corpus: IngestCorpus,
        ledger: Ledger,
        check: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(timeout=None, num_concurrent_runs=1)
        self.corpus = corpus
        self.ledger = ledger
        self.check = check

    @step
    async def survey(self, ev: Verify) -> ComparisonRequested | RepairRequested:
        """Make the paths absolute."""
        started = perf_counter()
        roots = await asyncio.to_thread(_distinct, ev.paths) if ev.paths else None
        if self.check is not None:
            await self.check()
        if ev.repair:
            return RepairRequested(roots=roots, started=started, delete_many=ev.delete_many)
        return ComparisonRequested(roots=roots, started=started)

    @step
    async def compare(self, ctx: Context, ev: ComparisonRequested) -> VerifyReport:
        """Compare, and report."""
        running = await self.ledger.run_in_progress()
        with self.corpus.streaming_pauses(ctx):
            found = await self._audit(ctx, ev.roots)
        return _report(
            found,
            found,
            repair=False,
            run_in_progress=running or await self.ledger.run_in_progress(),
            seconds={"total": perf_counter() - ev.started},
        )

    @step
    async def mend(self, ctx: Context, ev: RepairRequested) -> VerifyReport:
        """Compare, mend what differs, compare again, and report."""
        async with self.ledger.lock("a repair"):
            if self.corpus.before_writing is not None:
                await self.corpus.before_writing()
            with self.corpus.streaming_pauses(ctx):
                found = left = await self._audit(ctx, ev.roots)
                compared = perf_counter()
                if found.differences:
                    ctx.write_event_to_stream(DifferencesFound(differences=found.differences))
                    repairs = select_repairs(found, delete_many=ev.delete_many)
                    await self._repair(ctx, repairs)
                    left = await self._audit(ctx, ev.roots)
        now = perf_counter()
        seconds = {"compare": compared - ev.started, "mend": now - compared}
        return _report(found, left, repair=True, seconds={**seconds, "total": now - ev.started})

    async def _audit(self, ctx: Context, roots: Sequence[Path] | None) -> Audit:
        def progress(files: int, rows: int) -> None:
            ctx.write_event_to_stream(VerifyProgress(files_done=files, rows=rows))

        return await audit(
            roots,
            fingerprint=self.corpus.shard.fingerprint,
            catalog=self.corpus.catalog,
            ledger=self.ledger,
            progress=progress,
        )

    async def _repair(self, ctx: Context, repairs: Repairs) -> None:
        corpus = self.corpus
        store, ledger = corpus.vector_store, self.ledger
        await delete_wrong(repairs, vector_store=store, ledger=ledger)
        failed: list[FileOutcome] = []
        if repairs.ingested:
            run = await corpus.ingest_all(
                ctx,
                Roots(tuple(repairs.ingested), len(repairs.ingested), 0),
                gone=frozenset(one.content_hash for one in repairs.gone),
                damaged=repairs.damaged,
            )
            failed = run.failed
        await delete_gone(repairs, failed, vector_store=store, ledger=ledger, now_s=time())


def _distinct(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Return the real paths, none inside another. Blocks."""
    real = {Path(os.path.realpath(os.path.expanduser(path))) for path in paths}  # noqa: PTH111
    return tuple(path for path in sorted(real) if not any(one in real for one in path.parents))


def _report(
    found: Audit,
    left: Audit,
    *,
    repair: bool,
    seconds: dict[str, float],
    run_in_progress: str = "",
) -> VerifyReport:
    remaining = {*left.differences}
    return VerifyReport(
        files=left.files,
        rows=left.index.rows,
        differences=found.differences,
        repair=repair,
        mended=[one for one in found.differences if one not in remaining],
        remaining=left.differences,
        foreign=left.index.foreign,
        foreign_ids=left.index.foreign_ids,
        run_in_progress=run_in_progress,
        seconds=seconds,
    )
