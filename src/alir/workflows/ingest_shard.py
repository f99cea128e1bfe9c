"""Ingest a bounded group of files: compare, load, split, then embed and add in parallel batches."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from time import perf_counter

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.node_parser.interface import NodeParser
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import BasePydanticVectorStore
from workflows import Context, Workflow, step

from alir.concurrency.per_loop import PerLoop
from alir.concurrency.thread_stop import stopped_at_exit, to_stoppable_thread
from alir.events.ingest import (
    ChunksAdded,
    ChunksEmbedded,
    ChunksSplit,
    ChunksVerified,
    DocumentsLoaded,
    FilesCompared,
    IngestFiles,
    ShardIngested,
    ShardSplit,
)
from alir.models.files import FileLimits, FilePart, SplitPart, generation_after
from alir.models.records import SourceRecord
from alir.ports import ReaderPool, ShardCatalog, ShardLedger
from alir.steps.ingest.add import add, verify
from alir.steps.ingest.compare import Comparison, compare, fingerprint
from alir.steps.ingest.dry_run import DryRunCatalog, DryRunLedger, DryRunStore
from alir.steps.ingest.embed import embed, reuse
from alir.steps.ingest.journal import journal
from alir.steps.ingest.load import load
from alir.steps.ingest.publish import publish
from alir.steps.ingest.split import batches, split

SHARD_CHARS = 500_000
"""Text of one shard; what is beyond it is left for another."""
BATCH_CHUNKS = 128
"""Chunks of one batch: the engine is quadratic in sibling events, so it never gets one a chunk."""


class IngestShard(Workflow):
    """Bring a group of files into the index, each either wholly or not at all.

    Without `ledger` every file is read to see whether it changed.
    """

    def __init__(
        self,
        *,
        catalog: ShardCatalog,
        readers: ReaderPool,
        node_parser: NodeParser,
        chunking: str,
        embedding: BaseEmbedding,
        vector_store: BasePydanticVectorStore,
        ledger: ShardLedger | None = None,
        limits: FileLimits = FileLimits(),  # noqa: B008  frozen
        shard_chars: int = SHARD_CHARS,
        batch_chunks: int = BATCH_CHUNKS,
    ) -> None:
        super().__init__(timeout=None)
        self.catalog = catalog
        self.readers = readers
        self.node_parser = node_parser
        self.chunking = chunking
        self.embedding = embedding
        self.vector_store = vector_store
        self.ledger = ledger
        self.limits = limits
        self.shard_chars = shard_chars
        self.batch_chunks = batch_chunks
        self._splitting = PerLoop(asyncio.Lock)
        self._generation = 0

    def dry_run(self) -> "IngestShard":
        """Return a shard that reports what this one would do, embeds nothing and writes nothing."""
        return IngestShard(
            catalog=DryRunCatalog(self.catalog),
            readers=self.readers,
            node_parser=self.node_parser,
            chunking=self.chunking,
            embedding=MockEmbedding(embed_dim=1),
            vector_store=DryRunStore(),
            ledger=None if self.ledger is None else DryRunLedger(self.ledger),
            limits=self.limits,
            shard_chars=self.shard_chars,
            batch_chunks=self.batch_chunks,
        )

    @step
    async def compare(self, ev: IngestFiles) -> FilesCompared:
        """Leave out the files that the index holds in their present version."""
        started = perf_counter()
        known = {} if ev.rehash else await self._known(ev.parts)
        compared = await compare(
            ev.parts,
            known=known,
            fingerprint=self.fingerprint,
            catalog=self.catalog,
            next_generation=self._next_generation,
            gone=ev.gone,
            damaged=ev.damaged,
        )
        new = [part for part in compared.unchanged if _is_new(part, known)]
        await journal(new, "settled", ledger=self.ledger)
        await journal(compared.changed, "planned", ledger=self.ledger)
        return FilesCompared(
            changed=compared.changed,
            settled=compared.settled,
            seconds=perf_counter() - started,
        )

    @step
    async def load(self, ev: FilesCompared) -> DocumentsLoaded:
        """Read the changed files' text."""
        started = perf_counter()
        with stopped_at_exit() as check:
            read = await self.readers.run_job(
                lambda read: load(
                    ev.changed,
                    budget_chars=self.shard_chars,
                    read=read,
                    limits=self.limits,
                    check=check,
                )
            )
        seconds = {"compare": ev.seconds, "load": perf_counter() - started}
        return DocumentsLoaded(
            loaded=read.loaded,
            untouched=read.untouched,
            failures=read.failures,
            settled=ev.settled,
            seconds=seconds,
        )

    @step
    async def split(self, ev: DocumentsLoaded) -> list[ChunksSplit | ShardSplit]:
        """Cut the text into chunks, and fan out in batches of them."""
        started = perf_counter()
        chunks, parts = [], []
        for loaded in ev.loaded:
            # One at a time: threads that fight for Python's lock split less than one alone.
            async with self._splitting.on_this_loop():
                of_part = await to_stoppable_thread(split, loaded, node_parser=self.node_parser)
            chunks += of_part
            parts.append(SplitPart(loaded, len(of_part)))
        shard = ShardSplit(
            parts=parts,
            untouched=ev.untouched,
            failures=ev.failures,
            settled=ev.settled,
            seconds={**ev.seconds, "split": perf_counter() - started},
        )
        parts_held = [one.part for one in ev.loaded if one.part.moved or one.part.is_held]
        held = frozenset(part.source_id for part in parts_held)
        cut = [
            ChunksSplit(chunks=batch, may_be_held=held)
            for batch in batches(chunks, self.batch_chunks)
        ]
        return [shard, *cut]

    @step
    async def embed(self, ev: ChunksSplit) -> ChunksEmbedded:
        """Give a batch its vectors: those the index holds of the same text, else the model's."""
        started = perf_counter()
        held = [chunk for chunk in ev.chunks if chunk.ref_doc_id in ev.may_be_held]
        new = [chunk for chunk in ev.chunks if chunk.ref_doc_id not in ev.may_be_held]
        new += await reuse(held, catalog=self.catalog)
        await embed(new, embedding=self.embedding)
        seconds = perf_counter() - started
        return ChunksEmbedded(chunks=ev.chunks, embedded=_by_source(new), seconds=seconds)

    @step
    async def add(self, ctx: Context, ev: ChunksEmbedded) -> ChunksAdded:
        """Write a batch to the store."""
        started = perf_counter()
        added = await add(ev.chunks, vector_store=self.vector_store)
        event = ChunksAdded(
            written=added.written,
            first_chunks=added.first_chunks,
            refused=added.refused,
            chunks=_by_source(ev.chunks),
            embedded=ev.embedded,
            seconds={"embed": ev.seconds, "add": perf_counter() - started},
        )
        ctx.write_event_to_stream(event)
        return event

    @step
    async def verify(self, ev: list[ChunksAdded | ShardSplit]) -> ChunksVerified:
        """Read back what was written."""
        started = perf_counter()
        [shard] = [event for event in ev if isinstance(event, ShardSplit)]
        added = [event for event in ev if isinstance(event, ChunksAdded)]
        written = {chunk: source for batch in added for chunk, source in batch.written.items()}
        refused = {source: why for batch in added for source, why in batch.refused.items()}
        ended = [one.with_chunks for one in shard.parts if one.is_last]
        await journal(ended, "written", ledger=self.ledger)
        refused |= await verify(written, catalog=self.catalog)
        whole = [part for part in ended if part.source_id not in refused]
        await journal(whole, "verified", ledger=self.ledger)
        seconds = _summed([shard.seconds, *(batch.seconds for batch in added)])
        embedded = sum(sum(batch.embedded.values()) for batch in added)
        return ChunksVerified(
            shard=shard,
            first_chunks=[chunk for batch in added for chunk in batch.first_chunks],
            refused=refused,
            embedded=embedded,
            reused=sum(sum(batch.chunks.values()) for batch in added) - embedded,
            seconds={**seconds, "verify": perf_counter() - started},
        )

    @step
    async def publish(self, ev: ChunksVerified) -> ShardIngested:
        """Make the new versions the ones the index holds, and report."""
        started = perf_counter()
        published = await publish(
            ev.shard.parts,
            ev.shard.failures,
            ev.first_chunks,
            ev.refused,
            catalog=self.catalog,
            vector_store=self.vector_store,
        )
        live = {one.path for one in published.outcomes if one.outcome != "failed"}
        ended = [one.with_chunks for one in ev.shard.parts if one.is_last]
        await journal([p for p in ended if p.path in live], "settled", ledger=self.ledger)
        return ShardIngested(
            outcomes=ev.shard.settled + published.outcomes,
            remaining=published.remaining + ev.shard.untouched,
            written=published.written,
            embedded=ev.embedded,
            reused=ev.reused,
            seconds={**ev.seconds, "publish": perf_counter() - started},
        )

    async def _known(self, parts: Sequence[FilePart]) -> dict[str, SourceRecord]:
        new = [part.source_id for part in parts if not part.version]
        return {} if self.ledger is None else await self.ledger.source_records(new)

    async def fingerprint(
        self, parts: Sequence[FilePart], known: Mapping[str, SourceRecord]
    ) -> Comparison:
        """Give parts their versions, off the event loop; see `compare.fingerprint`."""
        return await to_stoppable_thread(
            fingerprint, parts, chunking=self.chunking, known=known, limits=self.limits
        )

    async def _next_generation(self, above: int) -> int:
        """Draw a fencing token; without a ledger the clock is the sequence, of this shard alone."""
        if self.ledger is not None:
            return await self.ledger.next_generation(above)
        self._generation = generation_after(self._generation, above)
        return self._generation


def _is_new(part: FilePart, known: Mapping[str, SourceRecord]) -> bool:
    """Whether the ledger does not know, or not from its times, that `part` is what it is."""
    record = known.get(part.source_id)
    if record is None or not part.content.hash:
        return True
    return (record.stage, record.version, record.generation, record.mtime_ns) != (
        "settled",
        part.version,
        part.generation,
        part.content.mtime_ns if part.content.is_old else 0,
    )


def _by_source(chunks: Sequence[TextNode]) -> Counter[str]:
    return Counter(chunk.ref_doc_id or "" for chunk in chunks)


def _summed(seconds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for one in seconds:
        total.update(one)
    return dict(total)
