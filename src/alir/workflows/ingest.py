"""Make the index mirror files and folders: survey, pump the shards through, sweep."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from pathlib import Path
from time import perf_counter, time

from llama_index.core.vector_stores.types import BasePydanticVectorStore
from workflows import Context, step

from alir.concurrency.per_loop import PerLoop
from alir.concurrency.thread_stop import to_stoppable_thread
from alir.concurrency.turns import RunTurn, Turns
from alir.errors import DependencyError, IngestStopped
from alir.events.ingest import (
    ChunksAdded,
    FilesIngested,
    Ingest,
    IngestPaused,
    IngestProgress,
    IngestReport,
    IngestResumed,
    IngestTurn,
    LedgerRelearned,
    PathsSurveyed,
    ShardIngested,
)
from alir.models.files import FileOutcome, Roots, StoredVersion
from alir.models.outage import Outage
from alir.ports import Catalog, Ledger, Outages
from alir.steps.ingest.journal import forget_leftover, journal_failures, relearn
from alir.steps.ingest.recover import read_index, recover
from alir.steps.ingest.survey import survey, with_earlier
from alir.steps.ingest.sweep import sweep
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
        super().__init__(timeout=None)
        self.shard = shard
        self.catalog = catalog
        self.vector_store = vector_store
        self.ledger = ledger
        self.outages = outages
        self.before_writing = before_writing
        self.shards_in_flight = shards_in_flight
        # Runs take turns: two upserts of one id at once may leave two rows.
        self._turns = PerLoop(lambda: Turns(self._lock))

    @step
    async def survey(self, ev: Ingest) -> PathsSurveyed:
        """Check the paths and count what is below them."""
        started = perf_counter()
        roots = await to_stoppable_thread(survey, ev.paths, follow_links=ev.follow_links)
        return PathsSurveyed(
            roots=roots, started=started, delete_many=ev.delete_many, rehash=ev.rehash
        )

    @step
    async def pump(self, ctx: Context, ev: PathsSurveyed) -> FilesIngested:
        """Send every file through a child run, a bounded number of them at once."""
        # A problem with Milvus is reported before one with a ledger beside it.
        await self.catalog.count_chunks()
        async with self._exclusive(ctx, ev.roots.paths) as turn:
            roots = await self._with_earlier(ev.roots)
            gone, damaged = await self._recover(ctx, roots)
            run = await self.ingest_all(
                ctx, roots, gone=gone, damaged=damaged, rehash=ev.rehash, turn=turn
            )
            await journal_failures(
                run.failed, roots.paths, ledger=self.ledger, now_s=time(), earlier=roots.earlier
            )
        return FilesIngested(
            survey=ev.model_copy(update={"roots": roots}),
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

    async def _with_earlier(self, roots: Roots) -> Roots:
        """Note what the given paths lead to; return `roots` with what they led to before."""
        if self.ledger is None:
            return roots
        recorded = await self.ledger.root_targets()
        await self.ledger.record_root_targets(roots.targets)
        return with_earlier(roots, recorded)

    async def _recover(
        self, ctx: Context, roots: Roots
    ) -> tuple[frozenset[str], dict[str, StoredVersion]]:
        """Finish what a killed run left undone.

        Return the content hashes of gone files, and by source id the versions that lack chunks.
        """
        ledger = self.ledger
        if ledger is not None and await ledger.is_empty() and await self.catalog.count_chunks():
            files = await relearn(catalog=self.catalog, ledger=ledger)
            ctx.write_event_to_stream(LedgerRelearned(files=files))
        held = await read_index(
            roots.paths, catalog=self.catalog, ledger=ledger, earlier=roots.earlier
        )
        damaged = await recover(
            held, catalog=self.catalog, vector_store=self.vector_store, ledger=ledger
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
        rehash: bool = False,
        turn: RunTurn | None = None,
    ) -> "IngestionTotals":
        """Send every file below `roots` through a child run, and stream the progress.

        Args:
            gone: content hashes of files that the index holds and the folders lost.
            damaged: source ids of files of which the index lacks chunks.
            rehash: whether files are read that look as they did.
            turn: of this run; between shards, other runs may have theirs.
        """
        run = IngestionTotals(ctx, roots.files)
        with _reporting_stop(run.progress):
            await self.pump_shards(
                self.shard,
                roots,
                run,
                gone=gone,
                damaged=frozenset(damaged),
                rehash=rehash,
                shards_in_flight=self.shards_in_flight,
                turn=turn,
            )
        return run

    @step
    async def sweep(self, ctx: Context, ev: FilesIngested) -> IngestReport:
        """Delete what is gone from the folders, and report."""
        started = perf_counter()
        roots, files = ev.survey.roots, sum(ev.counts.values())
        progress = IngestProgress(files_done=files, files=files, chunks_written=ev.chunks_written)
        async with self._exclusive(ctx, roots.paths, is_short=True):
            with _reporting_stop(lambda: progress):
                swept = await sweep(
                    roots.paths,
                    catalog=self.catalog,
                    vector_store=self.vector_store,
                    ledger=self.ledger,
                    moved=ev.moved,
                    earlier=roots.earlier,
                    empty=roots.empty,
                    delete_many=ev.survey.delete_many,
                )
            if self.ledger is not None:
                if swept.source_ids:
                    await self.ledger.forget_sources(swept.source_ids)
                await forget_leftover(
                    ev.failed,
                    roots.paths,
                    held=swept.held,
                    ledger=self.ledger,
                    earlier=roots.earlier,
                )
                if roots.targets:
                    await self.ledger.settle_root_targets(roots.targets)
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
    async def _exclusive(
        self, ctx: Context, paths: Sequence[Path], *, is_short: bool = False
    ) -> AsyncIterator[RunTurn]:
        """Have a turn, and stream pauses."""

        def waits(is_waiting: bool) -> None:
            ctx.write_event_to_stream(IngestTurn(is_waiting=is_waiting))

        turns = self._turns.on_this_loop()
        async with turns.take("an ingestion", paths, is_short=is_short, waits=waits) as turn:
            with self.streaming_pauses(ctx):
                if self.before_writing is not None:
                    await self.before_writing()
                yield turn

    def exclusive(self, what: str, paths: Sequence[Path]) -> AbstractAsyncContextManager[object]:
        """Have a turn among the runs, and keep other processes off, while in this context.

        Args:
            what: for the error of a process that is kept off.
            paths: the files that are written or deleted.

        Raises:
            RunInProgress: another process writes, or another workflow of this one.
        """
        return self._turns.on_this_loop().take(what, paths)

    def _lock(self, what: str) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self.ledger is None else self.ledger.lock(what)

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
