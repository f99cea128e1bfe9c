"""Recover: read what the index holds, and finish what a killed run left undone.

No answer of Milvus is trusted alone: what the files' heads say is counted against the rows. Where
the two disagree, every row below the paths is read, and a version without a head is looked for once
more before it is deleted.
"""

import asyncio
import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from alir.models.files import EarlierRoots, StoredSource, StoredVersion, head_id
from alir.models.records import SourceRecord
from alir.ports import Catalog, Ledger
from alir.steps.ingest.walk import NO_EARLIER, listed

VERSIONS_PER_DELETE = 500
ABANDONED_US = 3_600_000_000
"""Age, in microseconds, of an incomplete version that nobody writes any more."""


@dataclass(frozen=True, slots=True)
class IndexState:
    """The versions that the index holds of the files below some paths."""

    below: tuple[Path, ...]
    """The paths."""
    alone: frozenset[Path]
    """Those of them that are files, and below which nothing is known to have been."""
    source_ids: frozenset[str]
    """Of all files that it holds there."""
    files: int
    chunks: int
    """Of the versions that stay."""
    superseded: list[StoredSource]
    """The complete versions that a newer one replaced."""
    gone: list[StoredSource]
    """Versions of files that are gone; a new file with the content of one was moved there."""


async def read_index(
    roots: Sequence[Path],
    *,
    catalog: Catalog,
    ledger: Ledger | None = None,
    earlier: EarlierRoots = NO_EARLIER,
) -> IndexState:
    """Read what the index holds below `roots`, and check which of its files are gone.

    Files that went with `earlier` roots are gone.
    """
    below = (*roots, *earlier.paths)
    alone = frozenset[Path]() if ledger is None else await _files_alone(roots, ledger)
    newest: dict[str, StoredSource] = {}
    superseded: list[StoredSource] = []
    there: set[str] = set()
    gone: dict[str, None] = {}
    found = catalog.complete_versions(below=below, alone=alone)
    async for source, is_there in listed(found, roots, earlier):
        other = newest.setdefault(source.source_id, source)
        if other is not source:
            older, newer = sorted((other, source), key=lambda one: one.generation)
            newest[source.source_id] = newer
            superseded.append(older)
        if is_there is not None:
            (there.add if is_there else gone.setdefault)(source.source_id)
    return IndexState(
        below=below,
        alone=alone,
        source_ids=frozenset(newest),
        files=len(there) + len(gone),
        chunks=sum(source.chunks for source in newest.values()),
        superseded=superseded,
        gone=[newest[one] for one in gone],
    )


async def _files_alone(roots: Sequence[Path], ledger: Ledger) -> frozenset[Path]:
    """Return the roots that are files, but for those that were folders when the ledger saw them."""
    # `Path.is_file` raises where it may not look, or the path is too long.
    files = await asyncio.to_thread(lambda: [*filter(os.path.isfile, roots)])
    were_folders = {
        parent
        async for one in ledger.sources_below(files)
        if one.path not in files
        for parent in one.path.parents
    }
    return frozenset(files) - were_folders


async def recover(
    held: IndexState,
    *,
    catalog: Catalog,
    vector_store: BasePydanticVectorStore,
    ledger: Ledger | None,
) -> list[StoredVersion]:
    """Delete the versions that a newer one replaced, and those that were never completed.

    Return the live versions that have lost chunks: their files are to be ingested again.
    """
    await delete_versions(held.superseded, vector_store=vector_store)
    if await catalog.count_chunks(below=held.below, alone=held.alone) == held.chunks:
        return []
    stored = await catalog.stored_versions(below=held.below, alone=held.alone)
    leftover, damaged = await sort_versions(stored, catalog=catalog, ledger=ledger)
    await delete_versions(leftover, vector_store=vector_store)
    return damaged


async def sort_versions(
    stored: Sequence[StoredVersion], *, catalog: Catalog, ledger: Ledger | None
) -> tuple[list[StoredSource], list[StoredVersion]]:
    """Return the versions to delete, and the live versions that lack chunks.

    An incomplete version is left alone while another machine may be writing it.
    """
    live = newest_complete(stored)
    unfinished = [one.source for one in stored if not one.source.chunks]
    ids = {head_id(one.source_id, one.generation): one for one in unfinished}
    with_head = await catalog.existing_chunks([*ids])
    known = {} if ledger is None else await ledger.source_records([s.source_id for s in unfinished])
    leftover = [
        source
        for id_, source in ids.items()
        if id_ not in with_head
        and _is_abandoned(source, live.get(source.source_id), known.get(source.source_id))
    ]
    complete = [one for one in stored if one.source.chunks]
    leftover += [one.source for one in complete if live[one.source.source_id] is not one]
    return leftover, [one for one in live.values() if not one.is_whole]


def newest_complete(stored: Sequence[StoredVersion]) -> dict[str, StoredVersion]:
    """Return the live version of each file, by source id."""
    live: dict[str, StoredVersion] = {}
    for one in stored:
        if one.source.chunks:
            other = live.setdefault(one.source.source_id, one)
            if other.source.generation < one.source.generation:
                live[one.source.source_id] = one
    return live


async def prune(
    wanted: Collection[str], *, catalog: Catalog, vector_store: BasePydanticVectorStore
) -> None:
    """Delete the files that are not `wanted` (source ids), and versions old or never complete."""
    stored = await catalog.stored_versions()
    keep = newest_complete([one for one in stored if one.source.source_id in wanted])
    unwanted = [one.source for one in stored if keep.get(one.source.source_id) is not one]
    await delete_versions(unwanted, vector_store=vector_store)


async def delete_versions(
    versions: Sequence[StoredSource], *, vector_store: BasePydanticVectorStore
) -> None:
    """Delete the chunks of just these versions of files."""
    for generation, sources in _together(versions):
        filters = [
            _one_of("doc_id", [one.source_id for one in sources]),
            _one_of("version", [one.version for one in sources]),
            MetadataFilter(key="generation", value=generation),
        ]
        await vector_store.adelete_nodes(filters=MetadataFilters(filters=[*filters]))


async def delete_older(
    source_ids: Sequence[str], generation: int, *, vector_store: BasePydanticVectorStore
) -> None:
    """Delete the versions of these files that were begun before `generation` was drawn."""
    for start in range(0, len(source_ids), VERSIONS_PER_DELETE):
        filters = [
            _one_of("doc_id", source_ids[start : start + VERSIONS_PER_DELETE]),
            MetadataFilter(key="generation", value=generation, operator=FilterOperator.LT),
        ]
        await vector_store.adelete_nodes(filters=MetadataFilters(filters=[*filters]))


def _is_abandoned(
    source: StoredSource, live: StoredVersion | None, known: SourceRecord | None
) -> bool:
    """Return whether nobody writes an incomplete version any more, or in vain."""
    if live is not None and live.source.generation > source.generation:
        return True
    # Who has the ledger's lock is its only writer.
    if known is not None and known.generation >= source.generation:
        return True
    return source.generation < time.time_ns() // 1000 - ABANDONED_US


def _together(versions: Sequence[StoredSource]) -> Iterator[tuple[int, list[StoredSource]]]:
    """Yield the versions of each generation: shards have one, so there are few."""
    by_generation = sorted(versions, key=lambda one: one.generation)
    for generation, group in groupby(by_generation, key=lambda one: one.generation):
        sources = list(group)
        for start in range(0, len(sources), VERSIONS_PER_DELETE):
            yield generation, sources[start : start + VERSIONS_PER_DELETE]


def _one_of(key: str, values: Sequence[str]) -> MetadataFilter:
    return MetadataFilter(key=key, value=[*values], operator=FilterOperator.IN)
