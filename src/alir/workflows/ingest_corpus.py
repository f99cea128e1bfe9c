"""Make the index mirror files and folders: survey, pump the shards through, sweep."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from time import perf_counter

from llama_index.core.vector_stores.types import BasePydanticVectorStore
from workflows import Context, Workflow, step

from alir.events import (
    ChunksAdded,
    FilesIngested,
    IndexRecovered,
    Ingest,
    IngestFiles,
    IngestProgress,
    IngestReport,
    PathsSurveyed,
    ShardIngested,
)
from alir.models import FileOutcome, FilePart
from alir.ports import Catalog
from alir.steps.recover import gone, recover
from alir.steps.sweep import sweep
from alir.steps.walk import groups, survey, walk
from alir.workflows.ingest_shard import IngestShard

SHARDS_IN_FLIGHT = 4
"""Child runs at once: one computes vectors while others read and write."""


class IngestCorpus(Workflow):
    """Ingest any number of files in bounded memory: a child run for each bounded group of them.

    The engine keeps every event of a run until the run ends, so the files go through child runs,
    and this run sees one step for all of them.
    """

    def __init__(
        self,
        *,
        shard: IngestShard,
        catalog: Catalog,
        vector_store: BasePydanticVectorStore,
        shards_in_flight: int = SHARDS_IN_FLIGHT,
    ) -> None:
        # A second run waits for the first: two upserts of one id at once may leave two rows.
        super().__init__(timeout=None, num_concurrent_runs=1)
        self.shard = shard
        self.catalog = catalog
        self.vector_store = vector_store
        self.shards_in_flight = shards_in_flight

    @step
    async def survey(self, ev: Ingest) -> PathsSurveyed:
        """Check the paths and count what is below them."""
        started = perf_counter()
        roots = await asyncio.to_thread(survey, ev.paths)
        return PathsSurveyed(roots=roots, started=started, delete_many=ev.delete_many)

    @step
    async def recover(self, ev: PathsSurveyed) -> IndexRecovered:
        """Finish what a run that died left undone, and see what is gone."""
        roots = ev.roots.paths
        await recover(roots, catalog=self.catalog, vector_store=self.vector_store)
        return IndexRecovered(
            roots=ev.roots,
            gone=await gone(roots, catalog=self.catalog),
            started=ev.started,
            delete_many=ev.delete_many,
        )

    @step
    async def pump(self, ctx: Context, ev: IndexRecovered) -> FilesIngested:
        """Send every file through a child run, a bounded number of them at once."""
        run = _Run(ctx, ev.roots.files, ev.gone)
        files = groups(walk(ev.roots.paths))
        waiting: deque[list[FilePart]] = deque()
        running: set[asyncio.Task[ShardIngested]] = set()
        try:
            while True:
                while len(running) < self.shards_in_flight:
                    group = waiting.popleft() if waiting else await run.next_group(files)
                    if not group:
                        break
                    running.add(asyncio.create_task(self._ingest(group, run)))
                if not running:
                    break
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    rest = run.settle(task.result())
                    if rest:
                        waiting.append(rest)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        return FilesIngested(
            roots=ev.roots,
            counts=dict(run.counts),
            failed=run.failed,
            moved=frozenset(run.moved),
            embedded=run.embedded,
            reused=run.reused,
            seconds=dict(run.seconds),
            started=ev.started,
            delete_many=ev.delete_many,
        )

    @step
    async def sweep(self, ev: FilesIngested) -> IngestReport:
        """Take out what is gone from the folders, and report."""
        started = perf_counter()
        swept = await sweep(
            ev.roots.paths,
            catalog=self.catalog,
            vector_store=self.vector_store,
            moved=ev.moved,
            delete_many=ev.delete_many,
        )
        now = perf_counter()
        return IngestReport(
            files=sum(ev.counts.values()),
            chunks=await self.catalog.chunks(),
            added=ev.counts.get("added", 0),
            updated=ev.counts.get("updated", 0),
            moved=ev.counts.get("moved", 0),
            deleted=len(swept.deleted),
            unchanged=ev.counts.get("unchanged", 0),
            failed=ev.failed,
            embedded=ev.embedded,
            reused=ev.reused,
            seconds={**ev.seconds, "sweep": now - started, "total": now - ev.started},
        )

    async def _ingest(self, group: list[FilePart], run: "_Run") -> ShardIngested:
        handler = self.shard.run(start_event=IngestFiles(parts=group, gone=run.gone))
        try:
            async for event in handler.stream_events():
                if isinstance(event, ChunksAdded):
                    run.wrote(len(event.written))
            result = await handler
        except asyncio.CancelledError:
            await handler.cancel_run()
            raise
        assert isinstance(result, ShardIngested)  # noqa: S101  the engine types results as Any
        return result


class _Run:
    """What one run of the pump has done so far, and the stream it tells it to."""

    def __init__(self, ctx: Context, files: int, gone: frozenset[str]) -> None:
        self.gone = gone
        self.counts: Counter[str] = Counter()
        self.failed: list[FileOutcome] = []
        self.moved: set[str] = set()
        self.embedded = self.reused = 0
        self.seconds: Counter[str] = Counter()
        self._ctx = ctx
        self._files = files
        self._chunks = 0

    async def next_group(self, groups: Iterator[list[FilePart | FileOutcome]]) -> list[FilePart]:
        """Return the next files to ingest; an empty list at the end."""
        while (group := await asyncio.to_thread(next, groups, None)) is not None:
            self._settle([one for one in group if isinstance(one, FileOutcome)])
            parts = [one for one in group if isinstance(one, FilePart)]
            if parts:
                return parts
        return []

    def settle(self, shard: ShardIngested) -> list[FilePart]:
        """Take in a shard's result; return what it left."""
        self.seconds.update(shard.seconds)
        self._chunks += shard.written
        self.embedded += shard.embedded
        self.reused += shard.reused
        self._settle(shard.outcomes)
        return shard.remaining

    def wrote(self, chunks: int) -> None:
        """Take in that a batch is in the store."""
        self._chunks += chunks
        self._tell([])

    def _settle(self, outcomes: list[FileOutcome]) -> None:
        self.counts.update(one.outcome for one in outcomes)
        failed = [one for one in outcomes if one.outcome == "failed"]
        self.failed += failed
        self.moved |= {one.content_hash for one in outcomes if one.outcome == "moved"}
        self._tell(failed)

    def _tell(self, failed: list[FileOutcome]) -> None:
        self._ctx.write_event_to_stream(
            IngestProgress(
                files_done=sum(self.counts.values()),
                files=self._files,
                chunks_written=self._chunks,
                failed=failed,
            )
        )
