"""Plan an ingestion: run its shards with stand-ins for the model and the store."""

from collections import Counter
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import get_args

from workflows import Context, step

from alir.concurrency.thread_stop import to_stoppable_thread
from alir.events.ingest import ChunksAdded, PathsSurveyed, ShardIngested
from alir.events.plan import FilesPlanned, IndexSeen, IngestPlan, Plan
from alir.models.files import Action, FileOutcome, FilePlan, Outcome, source_id
from alir.ports import Catalog, Ledger
from alir.steps.ingest.recover import read_index
from alir.steps.ingest.survey import survey, with_earlier
from alir.steps.ingest.sweep import refused_deletions
from alir.workflows.ingest_shard import IngestShard
from alir.workflows.pump import ShardPump

_ACTIONS: dict[Outcome, Action] = {
    "added": "add",
    "updated": "change",
    "moved": "move",
    "unchanged": "unchanged",
    "failed": "fail",
}


class PlanIngest(ShardPump):
    """Plan an ingestion in bounded memory, by a dry run of its shards.

    It takes no lock: of a run that writes meanwhile it may see a part. It does not know what only
    writing shows, such as a chunk that Milvus refuses.

    Args:
        shard: the workflow that would ingest the files.
        check: refuses, by raising, what the ingestion would be refused for.
    """

    def __init__(
        self,
        *,
        shard: IngestShard,
        catalog: Catalog,
        ledger: Ledger | None = None,
        check: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(timeout=None)
        self.check = check
        self.shard = shard
        self.catalog = catalog
        self.ledger = ledger

    @step
    async def survey(self, ev: Plan) -> PathsSurveyed:
        """Check the paths and count what is below them."""
        started = perf_counter()
        roots = await to_stoppable_thread(survey, ev.paths)
        if self.ledger is not None:
            roots = with_earlier(roots, await self.ledger.root_targets())
        return PathsSurveyed(
            roots=roots, started=started, delete_many=ev.delete_many, rehash=ev.rehash
        )

    @step
    async def read_index(self, ev: PathsSurveyed) -> IndexSeen:
        """Read what the index holds, and check which of its files are gone."""
        if self.check is not None:
            await self.check()
        roots = ev.roots
        held = await read_index(
            roots.paths, catalog=self.catalog, ledger=self.ledger, earlier=roots.earlier
        )
        return IndexSeen(
            survey=ev,
            gone=held.gone,
            files_held=held.files,
            superseded=len(held.superseded),
        )

    @step
    async def plan(self, ctx: Context, ev: IndexSeen) -> IngestPlan:
        """Plan every file, group by group, then the deletions."""
        run = _PlanTotals(ctx, ev, texts_per_call=self.shard.embedding.embed_batch_size)
        gone = frozenset(run.origins)
        await self.pump_shards(
            self.shard.dry_run(),
            ev.survey.roots,
            run,
            gone=gone,
            rehash=ev.survey.rehash,
            shards_in_flight=1,
        )
        return run.end()


class _PlanTotals:
    """The files planned so far, and the stream that they are reported to."""

    def __init__(self, ctx: Context, seen: IndexSeen, *, texts_per_call: int) -> None:
        self.origins = {source.content_hash: source.path for source in seen.gone}
        self._ctx = ctx
        self._seen = seen
        self._texts_per_call = texts_per_call
        self._actions: Counter[str] = Counter()
        self._moved: set[str] = set()
        self._chunks_of: Counter[str] = Counter()
        """Source id to chunks, of files that are not settled; `_to_embed_of` likewise."""
        self._to_embed_of: Counter[str] = Counter()
        self._chunks = self._to_embed = self._calls = 0

    def add_batch(self, batch: ChunksAdded) -> None:
        """Count the chunks of a batch, and those that would be embedded."""
        self._chunks_of.update(batch.chunks)
        self._to_embed_of.update(batch.embedded)
        to_embed = sum(batch.embedded.values())
        self._to_embed += to_embed
        self._calls += -(-to_embed // self._texts_per_call)

    def add_shard(self, shard: ShardIngested) -> None:
        """Stream what would become of the files that a shard settled, changed ones last."""
        self._moved |= {one.content_hash for one in shard.outcomes if one.outcome == "moved"}
        planned = [self._plan(one) for one in shard.outcomes]
        self._stream(sorted(planned, key=lambda one: one.action in {"add", "change", "move"}))

    def end(self) -> IngestPlan:
        """Plan the deletions, and sum up."""
        seen, survey = self._seen, self._seen.survey
        going = [one.path for one in seen.gone if one.content_hash not in self._moved]
        held = seen.files_held + self._actions["add"] + self._actions["move"]
        refused = (
            None
            if survey.delete_many
            else refused_deletions(going, held=held, empty=survey.roots.empty)
        )
        self._stream([FilePlan(path, "delete", "gone from the folder") for path in going])
        return IngestPlan(
            files=self._files_done,
            actions={action: self._actions[action] for action in get_args(Action)},
            chunks=self._chunks,
            to_embed=self._to_embed,
            embedding_calls=self._calls,
            superseded=seen.superseded,
            refusal="" if refused is None else str(refused),
            seconds=perf_counter() - survey.started,
        )

    @property
    def _files_done(self) -> int:
        return self._actions.total() - self._actions["delete"]

    def _plan(self, one: FileOutcome) -> FilePlan:
        source = source_id(one.path)
        chunks, to_embed = self._chunks_of.pop(source, 0), self._to_embed_of.pop(source, 0)
        moved_from = self.origins.get(one.content_hash) if one.outcome == "moved" else None
        reason = f"moved from {moved_from}" if moved_from else one.reason
        return FilePlan(one.path, _ACTIONS[one.outcome], reason, chunks, to_embed, moved_from)

    def _stream(self, planned: list[FilePlan]) -> None:
        if not planned:
            return
        self._actions.update(one.action for one in planned)
        self._chunks += sum(one.chunks for one in planned if one.action != "fail")
        event = FilesPlanned(
            planned=planned,
            files_done=self._files_done,
            files=self._seen.survey.roots.files,
            to_embed=self._to_embed,
        )
        self._ctx.write_event_to_stream(event)
