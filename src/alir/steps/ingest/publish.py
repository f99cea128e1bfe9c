"""Publish: make the new version of a file the one the index holds.

A version's head, its first chunk, is written when all its others are there, and says how many: from
then on this version is live. When the head was read back, the old version is deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from alir.models.files import Failure, FileOutcome, FilePart, Outcome, SplitPart
from alir.ports import ShardCatalog
from alir.steps.ingest.add import verify, write

NO_TEXT = "holds no text; leave it out"


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The files that are settled, and the parts that go on in a later shard."""

    outcomes: list[FileOutcome] = field(default_factory=list)
    remaining: list[FilePart] = field(default_factory=list)
    written: int = 0


async def publish(
    parts: Sequence[SplitPart],
    failures: Sequence[Failure],
    first_chunks: Sequence[TextNode],
    refused: dict[str, str],
    *,
    catalog: ShardCatalog,
    vector_store: BasePydanticVectorStore,
) -> PublishResult:
    """Publish the files that ended, and clear away what an old or a failed version left behind.

    Args:
        first_chunks: those of `parts`, embedded, not written yet.
        refused: source id to reason, of files with a chunk that is not stored.
    """
    firsts = {chunk.ref_doc_id: chunk for chunk in first_chunks}
    broken = {failure.part: failure.reason for failure in failures}
    ended: dict[FilePart, TextNode] = {}
    remaining = []
    for split in parts:
        part, cursor = split.loaded.part, split.loaded.next
        first = part.first_chunk or firsts.get(part.source_id)
        chunks = part.chunks + split.chunks
        if part.source_id in refused:
            broken[part] = refused[part.source_id]
        elif cursor is not None:
            remaining.append(replace(part, cursor=cursor, chunks=chunks, first_chunk=first))
        elif first is None:
            broken[part] = NO_TEXT
        else:
            first.metadata |= {"chunk_count": chunks, "content_hash": part.content.hash}
            ended[part] = first

    late = await write(list(ended.values()), vector_store=vector_store)
    heads = {h.node_id: p.source_id for p, h in ended.items() if p.source_id not in late}
    late |= await verify(heads, catalog=catalog)
    broken |= {part: late[part.source_id] for part in ended if part.source_id in late}
    published = [part for part in ended if part.source_id not in late]
    await _delete(published, FilterOperator.NIN, vector_store)
    written = [part for part in broken if part.source_id in refused | late or part.chunks]
    await _delete(written, FilterOperator.IN, vector_store)
    outcomes = [
        FileOutcome(part.path, _outcome(part), part.reason, part.content.hash) for part in published
    ]
    outcomes += [FileOutcome(part.path, "failed", reason) for part, reason in broken.items()]
    return PublishResult(outcomes, remaining, len(published))


def _outcome(part: FilePart) -> Outcome:
    return "moved" if part.moved else "updated" if part.generation else "added"


async def _delete(
    parts: Sequence[FilePart], operator: FilterOperator, vector_store: BasePydanticVectorStore
) -> None:
    """Delete the chunks of the parts' files whose version is, or is not, the parts'."""
    if not parts:
        return
    sources = [part.source_id for part in parts]
    filters = MetadataFilters(
        filters=[
            MetadataFilter(key="doc_id", value=sources, operator=FilterOperator.IN),
            MetadataFilter(key="version", value=[p.version for p in parts], operator=operator),
        ]
    )
    await vector_store.adelete_nodes(filters=filters)
