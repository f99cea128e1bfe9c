"""Say what an ingestion would do, with the steps it would do it with, and write nothing."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import get_args

from llama_index.core.schema import TextNode
from workflows import Context, Workflow, step

from alir.events.ingest import PathsSurveyed
from alir.events.plan import FilesPlanned, IndexSeen, IngestPlan, Plan
from alir.models.files import Action, FileOutcome, FilePart, FilePlan, LoadedPart
from alir.ports import Catalog
from alir.steps.ingest.compare import compare, fingerprint
from alir.steps.ingest.confirm import confirm
from alir.steps.ingest.embed import reuse
from alir.steps.ingest.load import load
from alir.steps.ingest.plan import find_gone, plan_changed, plan_failed, plan_unchanged
from alir.steps.ingest.publish import NO_TEXT
from alir.steps.ingest.recover import look
from alir.steps.ingest.split import batches, split
from alir.steps.ingest.sweep import brake
from alir.steps.ingest.walk import groups, survey, walk
from alir.workflows.ingest_shard import IngestShard


class PlanIngest(Workflow):
    """Plan an ingestion in bounded memory: walk, compare, load and split as it would.

    It takes no lock: of a run that writes meanwhile it may see a part. What only writing shows,
    such as a chunk that Milvus refuses, it does not know.

    Args:
        shard: what would ingest the groups of files.
        check: refuses, by raising, what the ingestion would be refused for.
    """

    def __init__(
        self,
        *,
        shard: IngestShard,
        catalog: Catalog,
        check: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(timeout=None)
        self.check = check
        self.shard = shard
        self.catalog = catalog

    @step
    async def survey(self, ev: Plan) -> PathsSurveyed:
        """Check the paths and count what is below them."""
        started = perf_counter()
        roots = await asyncio.to_thread(survey, ev.paths)
        return PathsSurveyed(roots=roots, started=started, delete_many=ev.delete_many)

    @step
    async def look(self, ev: PathsSurveyed) -> IndexSeen:
        """See what the index holds, and what of it is gone from the folders."""
        if self.check is not None:
            await self.check()
        held = await look(ev.roots.paths, catalog=self.catalog)
        return IndexSeen(
            roots=ev.roots,
            gone=await find_gone(ev.roots.paths, held, catalog=self.catalog),
            files_held=held.below - len(held.superseded),
            superseded=len(held.superseded),
            started=ev.started,
            delete_many=ev.delete_many,
        )

    @step
    async def plan(self, ctx: Context, ev: IndexSeen) -> IngestPlan:
        """Plan every file, group by group, then the deletions."""
        planning = _Planning(ctx, ev, self.shard, self.catalog)
        files = groups(walk(ev.roots.paths))
        waiting: deque[list[FilePart | FileOutcome]] = deque()
        while group := (waiting.popleft() if waiting else await asyncio.to_thread(next, files, [])):
            planning.tell(plan_failed([one for one in group if isinstance(one, FileOutcome)]))
            parts = [one for one in group if isinstance(one, FilePart)]
            if rest := await planning.plan(parts):
                waiting.append([*rest])
        return planning.end()


class _Planning:
    """What was planned so far, and the stream it is told to."""

    def __init__(self, ctx: Context, seen: IndexSeen, shard: IngestShard, catalog: Catalog) -> None:
        self._ctx = ctx
        self._seen = seen
        self._shard = shard
        self._catalog = catalog
        self._origins = {source.content_hash: source.path for source in seen.gone}
        self._actions: Counter[str] = Counter()
        self._moved: set[str] = set()
        self._unfinished: Counter[str] = Counter()
        """Source id to chunks to embed, of files of which a part was planned."""
        self._chunks = self._to_embed = self._calls = 0

    async def plan(self, parts: Sequence[FilePart]) -> list[FilePart]:
        """Plan a group of files as `IngestShard` would ingest it; return what it would leave."""
        shard = self._shard
        new = [part.source_id for part in parts if not part.version]
        known = {} if shard.ledger is None else await shard.ledger.sources(new)
        read = await asyncio.to_thread(fingerprint, parts, chunking=shard.chunking, known=known)
        compared = await compare(read.changed, catalog=self._catalog, gone=self._origins.keys())
        self.tell(plan_failed(read.settled) + plan_unchanged(compared.unchanged, known))

        found = await shard.readers.run(
            lambda read: load(compared.changed, budget_chars=shard.shard_chars, read=read)
        )
        found = await asyncio.to_thread(confirm, found)
        cut = [
            await asyncio.to_thread(split, one, node_parser=shard.node_parser)
            for one in found.loaded
        ]
        await self._count([chunk for chunks in cut for chunk in chunks], found.loaded)
        failed = {failure.part: failure.reason for failure in found.failures}
        ended, remaining = [], []
        for one, chunks in zip(found.loaded, cut, strict=True):
            part = replace(one.part, chunks=one.part.chunks + len(chunks), cursor=one.next)
            if one.next is not None:
                remaining.append(part)
            elif part.chunks:
                ended.append(part)
            else:
                failed[part] = NO_TEXT
        self.tell([self._failed(part, reason) for part, reason in failed.items()])
        self.tell(
            await plan_changed(
                ended, self._unfinished, catalog=self._catalog, origins=self._origins
            )
        )
        self._moved |= {part.content_hash for part in ended if part.moved}
        for part in [*ended, *failed]:
            self._unfinished.pop(part.source_id, None)
        return remaining + found.untouched

    async def _count(self, chunks: Sequence[TextNode], loaded: Sequence[LoadedPart]) -> None:
        """Count what would be embedded of `chunks`, batch by batch."""
        may_be_held = {one.part.source_id for one in loaded if one.part.may_be_held}
        texts = self._shard.embedding.embed_batch_size
        for batch in batches(chunks, self._shard.batch_chunks):
            held = [chunk for chunk in batch if chunk.ref_doc_id in may_be_held]
            new = [chunk for chunk in batch if chunk.ref_doc_id not in may_be_held]
            new += await reuse(held, catalog=self._catalog)
            self._unfinished.update(chunk.ref_doc_id or "" for chunk in new)
            self._to_embed += len(new)
            self._calls += -(-len(new) // texts)

    def _failed(self, part: FilePart, reason: str) -> FilePlan:
        to_embed = self._unfinished[part.source_id]
        return FilePlan(part.path, "fail", reason, part.chunks, to_embed)

    def tell(self, planned: Sequence[FilePlan]) -> None:
        """Stream what would be done to some files."""
        if not planned:
            return
        self._actions.update(one.action for one in planned)
        self._chunks += sum(one.chunks for one in planned if one.action != "fail")
        event = FilesPlanned(
            planned=list(planned),
            files_done=self._actions.total() - self._actions["delete"],
            files=self._seen.roots.files,
            to_embed=self._to_embed,
        )
        self._ctx.write_event_to_stream(event)

    def end(self) -> IngestPlan:
        """Plan the deletions, and sum up."""
        seen = self._seen
        going = [one.path for one in seen.gone if one.content_hash not in self._moved]
        held = seen.files_held + self._actions["add"] + self._actions["move"]
        refused = None if seen.delete_many else brake(going, held=held, empty=seen.roots.empty)
        self.tell([FilePlan(path, "delete", "gone from the folder") for path in going])
        files = self._actions.total() - self._actions["delete"]
        return IngestPlan(
            files=files,
            actions={action: self._actions[action] for action in get_args(Action)},
            chunks=self._chunks,
            to_embed=self._to_embed,
            embedding_calls=self._calls,
            superseded=seen.superseded,
            refusal="" if refused is None else str(refused),
            seconds=perf_counter() - seen.started,
        )
