"""Sweep: delete the files from the index that are gone from the folder."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from llama_index.core.vector_stores.types import BasePydanticVectorStore

from alir.errors import TooManyDeletions
from alir.models.files import EarlierRoots, FileOutcome, StoredVersion
from alir.ports import Catalog, Ledger
from alir.steps.ingest.recover import delete_versions, read_index, recover
from alir.steps.ingest.walk import NO_EARLIER

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
    held: frozenset[str] = frozenset()
    """Source ids of the files below the roots that stay."""
    damaged: list[FileOutcome] = field(default_factory=list)
    """Files of which the index lacks a chunk after all."""
    chunks: int = 0
    """Chunks that the index holds now."""


async def sweep(
    roots: Sequence[Path],
    *,
    catalog: Catalog,
    vector_store: BasePydanticVectorStore,
    ledger: Ledger | None = None,
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
        ledger: knows which incomplete versions are its own runs'.
        moved: content hashes of files that were found elsewhere.
        earlier: what roots led to before: its files go, wherever they may still lie.
        empty: the folders of `roots` without a file, such as one where no disk is mounted.
        delete_many: whether more than half of the files held of `roots`, and more than ten, may go.

    Raises:
        TooManyDeletions: more would go, or all that a root held; nothing was deleted.
    """
    held = await read_index(roots, catalog=catalog, ledger=ledger, earlier=earlier)
    swept = SweepResult()
    for source in held.gone:
        swept.source_ids.append(source.source_id)
        is_elsewhere = source.content_hash in moved
        (swept.moved if is_elsewhere else swept.deleted).append(source.path)
    refused = refused_deletions(swept.deleted, held=held.files, empty=empty)
    if refused is not None and not delete_many:
        raise refused
    await delete_versions(held.gone, vector_store=vector_store)
    staying = replace(held, chunks=held.chunks - sum(source.chunks for source in held.gone))
    damaged = await recover(staying, catalog=catalog, vector_store=vector_store, ledger=ledger)
    return replace(
        swept,
        held=held.source_ids.difference(swept.source_ids),
        damaged=await _still_damaged(damaged, catalog=catalog),
        chunks=await catalog.count_chunks(),
    )


def refused_deletions(
    deleted: Sequence[Path], *, held: int, empty: Collection[Path]
) -> TooManyDeletions | None:
    """Return why `deleted`, of `held` files, may not be deleted unasked; None if they may."""
    lost = len(deleted)
    emptied = [path for path in deleted if any(root in path.parents for root in empty)]
    if emptied or (lost > FEW_FILES and 2 * lost > held):
        return TooManyDeletions(lost, held, (emptied or deleted)[0])
    return None


async def _still_damaged(
    damaged: Sequence[StoredVersion], *, catalog: Catalog
) -> list[FileOutcome]:
    """Return the files that lack chunks, without those that another writer has replaced since."""
    ids = [one.source.source_id for one in damaged]
    live = await catalog.live_versions(ids) if ids else {}
    return [
        FileOutcome(one.source.path, "failed", f"{one.problem}; ingest it again")
        for one in damaged
        if live.get(one.source.source_id) == one.source
    ]
