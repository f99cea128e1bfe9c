"""Recover: read what the index holds, and finish what a killed run left undone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilter,
    MetadataFilters,
)

from alir.models.files import EarlierRoots, StoredSource
from alir.ports import Catalog
from alir.steps.ingest.walk import NO_EARLIER, listed


@dataclass(frozen=True, slots=True)
class IndexState:
    """The versions that the index holds, and those below the roots to replace or delete."""

    versions: int
    below: int
    """Of these, those of files below the roots."""
    superseded: list[tuple[str, int]]
    """Source id and generation of the complete versions that a newer one replaced."""
    gone: list[StoredSource]
    """Versions of files that are gone; a new file with the content of one was moved there."""


async def read_index(
    roots: Sequence[Path], *, catalog: Catalog, earlier: EarlierRoots = NO_EARLIER
) -> IndexState:
    """Read what the index holds, once, and check which of its files are below `roots`.

    Files that went with `earlier` roots are gone.
    """
    newest: dict[str, int] = {}
    superseded: list[tuple[str, int]] = []
    gone: list[StoredSource] = []
    versions = below = 0
    async for source, is_there in listed(catalog.complete_versions(), roots, earlier):
        versions += 1
        if is_there is None:
            continue
        below += 1
        if not is_there:
            gone.append(source)
        other = newest.setdefault(source.source_id, source.generation)
        if other != source.generation:
            older, newest[source.source_id] = sorted((other, source.generation))
            superseded.append((source.source_id, older))
    return IndexState(versions, below, superseded, gone)


async def recover(
    superseded: Sequence[tuple[str, int]], *, vector_store: BasePydanticVectorStore
) -> None:
    """Delete the versions `superseded`: source ids and generations."""
    for source_id, generation in superseded:
        one = [
            MetadataFilter(key="doc_id", value=source_id),
            MetadataFilter(key="generation", value=generation),
        ]
        await vector_store.adelete_nodes(filters=MetadataFilters(filters=[*one]))


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
    unfinished = [one async for one in catalog.unfinished_versions(complete)]
    await delete_versions(unfinished, vector_store=vector_store)


async def delete_versions(
    versions: Sequence[StoredSource], *, vector_store: BasePydanticVectorStore
) -> None:
    """Delete the chunks of these versions of files."""
    for one in versions:
        version = [
            MetadataFilter(key="doc_id", value=one.source_id),
            MetadataFilter(key="version", value=one.version),
        ]
        await vector_store.adelete_nodes(filters=MetadataFilters(filters=[*version]))
