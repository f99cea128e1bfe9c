"""Sweep: delete the files from the index that are gone from the folder."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from llama_index.core.vector_stores.types import BasePydanticVectorStore

from alir.errors import TooManyDeletions
from alir.models.files import EarlierRoots
from alir.ports import Catalog
from alir.steps.ingest.recover import delete_versions
from alir.steps.ingest.walk import NO_EARLIER, listed

FEW_FILES = 10
"""A run may always delete this many."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The files that were deleted."""

    deleted: list[Path] = field(default_factory=list)
    moved: list[Path] = field(default_factory=list)
    """Files with content that is elsewhere now."""
    source_ids: list[str] = field(default_factory=list)
    """Source ids of both."""
    chunks: int = 0
    """Chunks that the index holds now."""


async def sweep(
    roots: Sequence[Path],
    *,
    catalog: Catalog,
    vector_store: BasePydanticVectorStore,
    moved: Collection[str] = (),
    earlier: EarlierRoots = NO_EARLIER,
    empty: Collection[Path] = (),
    delete_many: bool = False,
) -> SweepResult:
    """Delete the chunks of every file below `roots` that is not there any more.

    A file is deleted only if the file system reports that it does not exist; a file or folder that
    cannot be read stays. Incomplete versions that a crash left are deleted too. Files outside
    `roots` are not touched.

    Args:
        moved: content hashes of files that were found elsewhere.
        earlier: what roots led to before: its files go, wherever they may still lie.
        empty: the folders of `roots` without a file, such as one where no disk is mounted.
        delete_many: whether more than half of the files held of `roots`, and more than ten, may go.

    Raises:
        TooManyDeletions: more would go, or all that a root held; nothing was deleted.
    """
    swept = SweepResult()
    held = chunks = 0
    async for source, is_there in listed(catalog.complete_versions(), roots, earlier):
        held += is_there is not None
        if is_there is not False:
            chunks += source.chunks
            continue
        swept.source_ids.append(source.source_id)
        is_elsewhere = source.content_hash in moved
        (swept.moved if is_elsewhere else swept.deleted).append(source.path)
    refused = refused_deletions(swept.deleted, held=held, empty=empty)
    if refused is not None and not delete_many:
        raise refused
    for source_id in swept.source_ids:
        await vector_store.adelete(source_id)
    counted = await catalog.count_chunks()
    if counted != chunks:
        await _sweep_unfinished(roots, earlier, catalog=catalog, vector_store=vector_store)
        counted = await catalog.count_chunks()
    return replace(swept, chunks=counted)


def refused_deletions(
    deleted: Sequence[Path], *, held: int, empty: Collection[Path]
) -> TooManyDeletions | None:
    """Return why `deleted`, of `held` files, may not be deleted unasked; None if they may."""
    lost = len(deleted)
    emptied = [path for path in deleted if any(root in path.parents for root in empty)]
    if emptied or (lost > FEW_FILES and 2 * lost > held):
        return TooManyDeletions(lost, held, (emptied or deleted)[0])
    return None


async def _sweep_unfinished(
    roots: Sequence[Path],
    earlier: EarlierRoots,
    *,
    catalog: Catalog,
    vector_store: BasePydanticVectorStore,
) -> None:
    """Delete the incomplete versions below `roots` that a crash left."""
    complete = {source.version async for source in catalog.complete_versions()}
    found = listed(catalog.unfinished_versions(complete), roots, earlier)
    unfinished = [source async for source, is_there in found if is_there is not None]
    await delete_versions(unfinished, vector_store=vector_store)
