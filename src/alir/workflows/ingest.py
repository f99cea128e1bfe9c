"""Make the index mirror files and folders: survey, pump the shards through, sweep."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from time import perf_counter, time

from llama_index.core.vector_stores.types import BasePydanticVectorStore
from workflows import Context, step

from alir.errors import DependencyError, IngestStopped
from alir.events.ingest import (
    ChunksAdded,
    FilesIngested,
    Ingest,
    IngestPaused,
    IngestProgress,
    IngestReport,
    IngestResumed,
    LedgerRelearned,
    PathsSurveyed,
    ShardIngested,
)
from alir.models.files import FileOutcome, Roots, StoredVersion
from alir.models.outage import Outage
from alir.ports import Catalog, Ledger, Outages
from alir.steps.ingest.journal import forget_leftover, journal_failures, relearn
from alir.steps.ingest.recover import read_index, recover
from alir.steps.ingest.sweep import sweep
from alir.steps.ingest.walk import survey
from alir.workflows.ingest_shard import IngestShard
from alir.workflows.pump import ShardPump

SHARDS_IN_FLIGHT = 4
"""Child runs at once: one computes vectors while others read and write."""


class IngestCorpus(ShardPump):
    """Ingest any number of files in bounded memory: a child run for each bounded group of them.

    The engine keeps every event of a run until the run ends, so the files go through child runs,
    and this run sees one step for all of them.

    Args:
        before_writing: called with the run lock held; may refuse by raising.
    """

    def __init__(
        self,
        *,
        shard: IngestShard,
        catalog: Catalog,
        vector_store: BasePydanticVectorStore,
        ledger: Ledger | None = None,
        outages: Outages | None = None,
        before_writing: Callable[[], Awaitable[None]] | None = None,
        shards_in_flight: int = SHARDS_IN_FLIGHT,
    ) -> None:
        # A second run waits for the first: two upserts of one id at once may leave two rows.
        super().__init__(timeout=None, num_concurrent_runs=1)
        self.shard = shard
        self.catalog = catalog
        self.vector_store = vector_store
        self.ledger = ledger
        self.outages = outages
        self.before_writing = before_writing
        self.shards_in_flight = shards_in_flight

    @step
    async def survey(self, ev: Ingest) -> PathsSurveyed:
        """Check the paths and count what is below them."""
        started = perf_counter()
        roots = await asyncio.to_thread(survey, ev.paths)
        return PathsSurveyed(roots=roots, started=started, delete_many=ev.delete_many)

    @step
    async def pump(self, ctx: Context, ev: PathsSurveyed) -> FilesIngested:
        """Send every file through a child run, a bounded number of them at once."""
        roots = ev.roots.paths
        # A problem with Milvus is reported before one with a ledger beside it.
        await self.catalog.count_chunks()
        async with self._exclusive(ctx):
            gone, damaged = await self._recover(ctx, roots)
            run = await self.ingest_all(ctx, ev.roots, gone=gone, damaged=damaged)
            await journal_failures(run.failed, roots, ledger=self.ledger, now_s=time())
        return FilesIngested(
            survey=ev,
            counts=dict(run.counts),
            failed=run.failed,
            moved=frozenset(run.moved),
            mended=[
                FileOutcome(one.source.path, "updated", one.problem) for one in damaged.values()
            ],
            embedded=run.embedded,
            reused=run.reused,
            chunks_written=run.chunks,
            seconds=dict(run.seconds),
        )

    async def _recover(
        self, ctx: Context, roots: Sequence[Path]
    ) -> tuple[frozenset[str], dict[str, StoredVersion]]:
        """Finish what a killed run left undone.

        Return the content hashes of gone files, and by source id the versions that lack chunks.
        """
        ledger = self.ledger
        if ledger is not None and await ledger.is_empty() and await self.catalog.count_chunks():
            files = await relearn(catalog=self.catalog, ledger=ledger)
            ctx.write_event_to_stream(LedgerRelearned(files=files))
        held = await read_index(roots, catalog=self.catalog)
        damaged = await recover(
            held, roots, catalog=self.catalog, vector_store=self.vector_store, ledger=ledger
        )
        gone = frozenset(source.content_hash for source in held.gone)
        return gone, {one.source.source_id: one for one in damaged}

    async def ingest_all(
        self,
        ctx: Context,
        roots: Roots,
        *,
        gone: frozenset[str] = frozenset(),
        damaged: Collection[str] = (),
    ) -> "IngestionTotals":
        """Send every file below `roots` through a child run, and stream the progress.

        Args:
            gone: content hashes of files that the index holds and the folders lost.
            damaged: source ids of files of which the index lacks chunks.
        """
        run = IngestionTotals(ctx, roots.files)
        with _reporting_stop(run.progress):
            await self.pump_shards(
                self.shard,
                roots,
                run,
                gone=gone,
                damaged=frozenset(damaged),
                shards_in_flight=self.shards_in_flight,
            )
        return run

    @step
    async def sweep(self, ctx: Context, ev: FilesIngested) -> IngestReport:
        """Delete what is gone from the folders, and report."""
        started = perf_counter()
        roots, files = ev.survey.roots, sum(ev.counts.values())
        progress = IngestProgress(files_done=files, files=files, chunks_written=ev.chunks_written)
        async with self._exclusive(ctx):
            with _reporting_stop(lambda: progress):
                swept = await sweep(
                    roots.paths,
                    catalog=self.catalog,
                    vector_store=self.vector_store,
                    ledger=self.ledger,
                    moved=ev.moved,
                    empty=roots.empty,
                    delete_many=ev.survey.delete_many,
                )
            if self.ledger is not None:
                if swept.source_ids:
                    await self.ledger.forget_sources(swept.source_ids)
                await forget_leftover(ev.failed, roots.paths, held=swept.held, ledger=self.ledger)
        now = perf_counter()
        return IngestReport(
            files=files,
            chunks=swept.chunks,
            added=ev.counts.get("added", 0),
            updated=ev.counts.get("updated", 0),
            moved=ev.counts.get("moved", 0),
            deleted=len(swept.deleted),
            unchanged=ev.counts.get("unchanged", 0),
            failed=ev.failed + swept.damaged,
            mended=ev.mended,
            embedded=ev.embedded,
            reused=ev.reused,
            seconds={**ev.seconds, "sweep": now - started, "total": now - ev.survey.started},
        )

    @asynccontextmanager
    async def _exclusive(self, ctx: Context) -> AsyncIterator[None]:
        """Hold the run lock, and stream pauses."""
        async with nullcontext() if self.ledger is None else self.ledger.lock("an ingestion"):
            with self.streaming_pauses(ctx):
                if self.before_writing is not None:
                    await self.before_writing()
                yield

    def streaming_pauses(self, ctx: Context) -> AbstractContextManager[None]:
        """Stream when Milvus is unavailable, and when it is back, while in this context."""

        def paused(outage: Outage) -> None:
            ctx.write_event_to_stream(
                IngestPaused(reason=outage.reason, since=outage.since, waits_s=outage.waits_s)
            )

        def resumed(after_s: float) -> None:
            ctx.write_event_to_stream(IngestResumed(after_s=after_s))

        return nullcontext() if self.outages is None else self.outages.listen(paused, resumed)


@contextmanager
def _reporting_stop(progress: Callable[[], IngestProgress]) -> Iterator[None]:
    """Report what a run did before a service stopped it."""
    try:
        yield
    except DependencyError as error:
        done = progress()
        if not error.retryable or not (done.files_done or done.chunks_written):
            raise
        raise IngestStopped(
            str(error), files_done=done.files_done, files=done.files, chunks=done.chunks_written
        ) from error


class IngestionTotals:
    """What an ingestion has done so far, and the stream that it is reported to."""

    def __init__(self, ctx: Context, files: int) -> None:
        self.counts: Counter[str] = Counter()
        self.failed: list[FileOutcome] = []
        self.moved: set[str] = set()
        self.embedded = self.reused = self.chunks = 0
        self.seconds: Counter[str] = Counter()
        self._ctx = ctx
        self._files = files

    def add_batch(self, batch: ChunksAdded) -> None:
        """Note that a batch of chunks is in the store."""
        self.chunks += len(batch.written)
        self._ctx.write_event_to_stream(self.progress())

    def add_shard(self, shard: ShardIngested) -> None:
        """Note what a shard did."""
        self.seconds.update(shard.seconds)
        self.chunks += shard.written
        self.embedded += shard.embedded
        self.reused += shard.reused
        self.counts.update(one.outcome for one in shard.outcomes)
        failed = [one for one in shard.outcomes if one.outcome == "failed"]
        self.failed += failed
        self.moved |= {one.content_hash for one in shard.outcomes if one.outcome == "moved"}
        self._ctx.write_event_to_stream(self.progress(failed))

    def progress(self, failed: Sequence[FileOutcome] = ()) -> IngestProgress:
        """Return how far the run has come; `failed` since it was last reported."""
        return IngestProgress(
            files_done=self.counts.total(),
            files=self._files,
            chunks_written=self.chunks,
            failed=list(failed),
        )
