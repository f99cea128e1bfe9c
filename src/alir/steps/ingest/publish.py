"""Publish: make the new version of a file live.

A version's head, its first chunk, is written when all others are there, and has their count. It
makes the version live. When the head was read back, the older versions are deleted: those with a
lower generation, and no others, so that a writer that stalled here does no harm when it goes on. If
another writer's later version is live by then, this one is deleted itself.
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
OVERTAKEN = "another run brought it up to date meanwhile"


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
    """Publish the files that ended, and delete the chunks of old and of failed versions.

    Args:
        first_chunks: the heads of `parts`, embedded and not written.
        refused: source id to reason, of files with a chunk that is not stored.
    """
    firsts = {chunk.ref_doc_id: chunk for chunk in first_chunks}
    broken = {failure.part: failure.reason for failure in failures}
    ended: dict[FilePart, TextNode] = {}
    remaining = []
    for split in parts:
        part, cursor = split.loaded.part, split.loaded.next
        first = part.first_chunk or firsts.get(part.source_id)
        chunks = split.with_chunks.chunks
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
    whole = [part for part in ended if part.source_id not in late]
    written = [part for part in broken if part.source_id in refused | late or part.chunks]
    overtaken = await _overtaken([*whole, *written], catalog=catalog)
    published = [part for part in whole if part not in overtaken]
    await _delete(published, FilterOperator.LT, vector_store)
    await _delete([*{*written, *overtaken}], FilterOperator.EQ, vector_store)
    outcomes = [
        FileOutcome(part.path, _outcome(part), part.reason, part.content.hash) for part in published
    ]
    outcomes += [FileOutcome(part.path, "unchanged", OVERTAKEN) for part in overtaken]
    outcomes += [
        FileOutcome(part.path, "failed", reason)
        for part, reason in broken.items()
        if part not in overtaken
    ]
    return PublishResult(outcomes, remaining, len(published))


async def _overtaken(parts: Sequence[FilePart], *, catalog: ShardCatalog) -> list[FilePart]:
    """Return those of `parts` of which a later version is live.

    Its writer may have deleted chunks of this one, which then were acknowledged and not there.
    """
    if not parts:
        return []
    live = await catalog.live_versions([part.source_id for part in parts])
    return [
        part
        for part in parts
        if part.source_id in live and live[part.source_id].generation > part.generation
    ]


def _outcome(part: FilePart) -> Outcome:
    return "moved" if part.moved else "updated" if part.is_held else "added"


async def _delete(
    parts: Sequence[FilePart], operator: FilterOperator, vector_store: BasePydanticVectorStore
) -> None:
    """Delete the chunks of the parts' files by how their generation compares to the parts'."""
    for generation in sorted({part.generation for part in parts}):
        sources = [part.source_id for part in parts if part.generation == generation]
        filters = [
            MetadataFilter(key="doc_id", value=sources, operator=FilterOperator.IN),
            MetadataFilter(key="generation", value=generation, operator=operator),
        ]
        await vector_store.adelete_nodes(filters=MetadataFilters(filters=[*filters]))
