"""Publish: make the new version of a file the one the index holds.

A file's first chunk is written after all its others, and says how many there are: where it
stands, the version is complete. Only then is the old version deleted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from alir.errors import NodeRefused
from alir.models import Failure, FileOutcome, FilePart, SplitPart


@dataclass(frozen=True, slots=True)
class Published:
    """The files that are settled, and the parts that go on in a later shard."""

    outcomes: list[FileOutcome] = field(default_factory=list)
    remaining: list[FilePart] = field(default_factory=list)
    written: int = 0


async def publish(
    parts: Sequence[SplitPart],
    failures: Sequence[Failure],
    first_chunks: Sequence[TextNode],
    refused: Mapping[str, str],
    *,
    vector_store: BasePydanticVectorStore,
) -> Published:
    """Publish the files that ended, and clear away what a failed one left behind.

    Args:
        first_chunks: those of `parts`, embedded, not written yet.
        refused: source id to reason, of files with a chunk that could not be stored.
    """
    published = Published()
    firsts = {chunk.ref_doc_id: chunk for chunk in first_chunks}
    written = 0
    for split in parts:
        part, cursor = split.loaded.part, split.loaded.next
        first = part.first_chunk or firsts.get(part.source_id)
        chunks = part.chunks + split.chunks
        reason = refused.get(part.source_id)
        if reason is None and cursor is not None:
            rest = replace(part, cursor=cursor, chunks=chunks, first_chunk=first)
            published.remaining.append(rest)
            continue
        if reason is None and first is None:
            published.outcomes.append(FileOutcome(part.path, "failed", "holds no text"))
            continue
        if reason is None and first is not None:
            first.metadata["chunk_count"] = chunks
            try:
                await vector_store.async_add([first])
            except NodeRefused as error:
                reason = error.problem
        if reason is not None:
            await _delete(vector_store, part, FilterOperator.EQ)
            reason = f"cannot be stored: {reason}"
            published.outcomes.append(FileOutcome(part.path, "failed", reason))
            continue
        written += 1
        if part.replaces:
            await _delete(vector_store, part, FilterOperator.NE)
        outcome = FileOutcome(part.path, "updated" if part.replaces else "added")
        published.outcomes.append(outcome)
    for failure in failures:
        if failure.part.chunks:
            await _delete(vector_store, failure.part, FilterOperator.EQ)
        outcome = FileOutcome(failure.part.path, "failed", failure.reason)
        published.outcomes.append(outcome)
    return replace(published, written=written)


async def _delete(
    vector_store: BasePydanticVectorStore, part: FilePart, operator: FilterOperator
) -> None:
    filters = MetadataFilters(
        filters=[
            MetadataFilter(key="doc_id", value=part.source_id),
            MetadataFilter(key="version", operator=operator, value=part.version),
        ]
    )
    await vector_store.adelete_nodes(filters=filters)
