"""Prune: take out of a new index what an earlier attempt to build it left there."""

from collections.abc import Collection

from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilter,
    MetadataFilters,
)

from alir.models.files import StoredSource
from alir.ports import Catalog
from alir.steps.ingest.recover import recover


async def prune(
    wanted: Collection[str], *, catalog: Catalog, vector_store: BasePydanticVectorStore
) -> None:
    """Delete the files that are not `wanted` (source ids), and versions old or never complete."""
    newest: dict[str, StoredSource] = {}
    superseded: list[tuple[str, int]] = []
    unwanted: set[str] = set()
    async for source in catalog.complete_versions():
        if source.source_id not in wanted:
            unwanted.add(source.source_id)
            continue
        other = newest.setdefault(source.source_id, source)
        if other is not source:
            older, newer = sorted((other, source), key=lambda one: one.generation)
            newest[source.source_id] = newer
            superseded.append((older.source_id, older.generation))
    await recover(superseded, vector_store=vector_store)
    for source_id in sorted(unwanted):
        await vector_store.adelete(source_id)
    if await catalog.count_chunks() == sum(source.chunks for source in newest.values()):
        return
    complete = {source.version for source in newest.values()}
    for source in [one async for one in catalog.unfinished_versions(complete)]:
        version = [
            MetadataFilter(key="doc_id", value=source.source_id),
            MetadataFilter(key="version", value=source.version),
        ]
        await vector_store.adelete_nodes(filters=MetadataFilters(filters=[*version]))
