"""Build a new collection version: survey the live one, build beside it, verify, switch."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

from workflows import Context, Workflow, step

from alir.concurrency.per_loop import PerLoop
from alir.concurrency.thread_stop import to_stoppable_thread
from alir.errors import NothingToRebuild, RebuildIncomplete
from alir.events.rebuild import (
    NewIndexBuilt,
    NewIndexVerified,
    OldIndexSurveyed,
    Rebuild,
    RebuildReport,
)
from alir.models.collection_version import CollectionVersion
from alir.models.files import FileOutcome, Roots, source_id
from alir.ports import CollectionVersions, Ledger
from alir.steps.ingest.recover import prune
from alir.steps.ingest.survey import survey
from alir.steps.ingest.sweep import FEW_FILES
from alir.steps.ingest.walk import is_listed, walk
from alir.workflows.ingest import IngestCorpus, IngestionTotals

MAX_NAMED = 3
"""Files named in an error, at most."""


class RebuildCorpus(Workflow):
    """Build a collection version beside the live one, verify it, and make it live.

    Meanwhile the old one answers questions; it is kept. An interrupted rebuild continues when it is
    run again.

    Args:
        corpus_at: returns the workflow that ingests into a collection, without a ledger.
        ledger: of the live version; its lock keeps other runs off.
    """

    def __init__(
        self,
        *,
        collection_versions: CollectionVersions,
        corpus_at: Callable[[str], IngestCorpus],
        ledger: Ledger,
    ) -> None:
        super().__init__(timeout=None)
        self.collection_versions = collection_versions
        self.corpus_at = corpus_at
        self.ledger = ledger
        self._turns = PerLoop(asyncio.Lock)

    @step
    async def survey(self, ev: Rebuild) -> OldIndexSurveyed:
        """Find what to index: the paths, or the files that the live version holds."""
        started = perf_counter()
        async with self._exclusive():
            old = await self._live()
            held = {
                source.path
                async for source in self.collection_versions.catalog_of(
                    old.collection
                ).complete_versions()
            }
        there, gone = await asyncio.to_thread(_there_and_gone, held)
        if ev.paths:
            roots = await to_stoppable_thread(survey, ev.paths)
        else:
            roots = Roots(tuple(there), len(there), 0)
        if not roots.files:
            raise NothingToRebuild(
                self.collection_versions.name, "holds no file that is still there"
            )
        return OldIndexSurveyed(
            collection=old.collection,
            roots=roots,
            gone=gone,
            started=started,
            switch_anyway=ev.switch_anyway,
        )

    @step
    async def build(self, ctx: Context, ev: OldIndexSurveyed) -> NewIndexBuilt:
        """Ingest everything into a collection of its own."""
        async with self._exclusive():
            collection = await self.collection_versions.begin_version()
            corpus = self.corpus_at(collection)
            run = await self._ingest_into(corpus, ctx, ev.roots)
        return NewIndexBuilt(
            old=ev,
            collection=collection,
            failed=run.failed,
            embedded=run.embedded,
            seconds=dict(run.seconds),
        )

    @step
    async def verify(self, ctx: Context, ev: NewIndexBuilt) -> NewIndexVerified:
        """Read the new version back, and check that it lacks nothing of the old one.

        A file of which chunks are missing, because Milvus lost them, is ingested once more.
        """
        started = perf_counter()
        async with self._exclusive():
            audit = await self.collection_versions.audit(ev.collection)
            if audit.broken:
                corpus = self.corpus_at(ev.collection)
                for source in sorted(audit.broken):
                    await corpus.vector_store.adelete(source)
                run = await self._ingest_into(corpus, ctx, ev.old.roots)
                embedded = ev.embedded + run.embedded
                ev = ev.model_copy(update={"failed": run.failed, "embedded": embedded})
                audit = await self.collection_versions.audit(ev.collection)
            live = await self._live()
            held = {
                s.source_id: s.path
                async for s in self.collection_versions.catalog_of(
                    live.collection
                ).complete_versions()
            }
        missing = [path for one, path in held.items() if one not in audit.files]
        lacking, gone = await asyncio.to_thread(_there_and_gone, missing)
        if not audit.is_whole:
            problem = f"{audit.chunks} of its {audit.chunks_due} chunks could be read back"
            raise RebuildIncomplete(self.collection_versions.name, problem)
        if not audit.files:
            raise RebuildIncomplete(self.collection_versions.name, "no file could be read")
        if not ev.old.switch_anyway:
            self._refuse(lacking, gone, ev.failed, held=len(held))
        return NewIndexVerified(
            built=ev.model_copy(
                update={"seconds": {**ev.seconds, "verify": perf_counter() - started}}
            ),
            files=len(audit.files),
            chunks=audit.chunks,
            lacking=lacking,
        )

    @step
    async def switch(self, ev: NewIndexVerified) -> RebuildReport:
        """Make the new version live; the old one stays for a rollback."""
        built = ev.built
        async with self._exclusive():
            await self.collection_versions.make_live(built.collection)
        return RebuildReport(
            collection=built.collection,
            previous=built.old.collection,
            files=ev.files,
            chunks=ev.chunks,
            embedded=built.embedded,
            gone=built.old.gone,
            lacking=ev.lacking,
            failed=built.failed,
            seconds={**built.seconds, "total": perf_counter() - built.old.started},
        )

    async def _ingest_into(
        self, corpus: IngestCorpus, ctx: Context, roots: Roots
    ) -> IngestionTotals:
        """Make the collection of `corpus` hold the files below `roots`, and nothing else."""
        with corpus.streaming_pauses(ctx):
            run = await corpus.ingest_all(ctx, roots)
            wanted = await to_stoppable_thread(_source_ids, roots)
            store, catalog = corpus.vector_store, corpus.catalog
            await prune(wanted, catalog=catalog, vector_store=store)
        return run

    async def _live(self) -> CollectionVersion:
        live = await self.collection_versions.live_version()
        if live is None:
            raise NothingToRebuild(self.collection_versions.name, "does not exist")
        return live

    def _refuse(
        self,
        lacking: Sequence[Path],
        gone: Sequence[Path],
        failed: Sequence[FileOutcome],
        *,
        held: int,
    ) -> None:
        """Refuse to lose files that questions are answered from now."""
        reasons = {one.path: one.reason for one in failed}
        if lacking:
            named = [f"{path} ({reasons.get(path, 'not named')})" for path in lacking[:MAX_NAMED]]
            more = f" and {len(lacking) - MAX_NAMED} more" if len(lacking) > MAX_NAMED else ""
            problem = f"it lacks {', '.join(named)}{more}, which the old one holds"
            raise RebuildIncomplete(self.collection_versions.name, problem)
        if len(gone) > max(FEW_FILES, held / 2):
            problem = f"{len(gone)} of the {held} files held are gone, {gone[0]} for one"
            raise RebuildIncomplete(self.collection_versions.name, problem)

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        """Hold the run lock; a second rebuild on the same event loop waits."""
        async with self._turns.on_this_loop(), self.ledger.lock("a rebuild"):
            yield


def _there_and_gone(paths: Collection[Path]) -> tuple[list[Path], list[Path]]:
    there: list[Path] = []
    gone: list[Path] = []
    for path in sorted(paths):
        (there if is_listed(path, [path]) else gone).append(path)
    return there, gone


def _source_ids(roots: Roots, *, check: Callable[[], None]) -> frozenset[str]:
    return frozenset(source_id(one.path) for one in walk(roots.paths, check=check))
