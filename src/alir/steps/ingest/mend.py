"""Mend: make index and ledger agree with the folder again, where an audit found differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llama_index.core.vector_stores.types import BasePydanticVectorStore

from alir.models.differences import DifferenceKind
from alir.models.files import FileOutcome, StoredSource
from alir.ports import Ledger
from alir.steps.ingest.audit import Audit
from alir.steps.ingest.recover import delete_versions
from alir.steps.ingest.sweep import refused_deletions

LEFT_BEHIND: frozenset[DifferenceKind] = frozenset({"no head", "old version"})
"""Versions that answer no question."""
NOT_TO_REUSE: frozenset[DifferenceKind] = frozenset(
    {"rows doubled", "wrong positions", "wrong text"}
)
"""Live versions whose rows are wrong. They are deleted before their files are ingested again, as
that would take vectors from them."""
TO_INGEST_ANYWAY = NOT_TO_REUSE | {"chunks missing", "wrong hash"}
"""What is wrong with a version that may be the file's present one."""
NOT_TO_INGEST: frozenset[DifferenceKind] = frozenset(
    {"gone", "wrong source", "being written", "ledger keeps it"}
)
NOT_TO_FORGET: frozenset[DifferenceKind] = frozenset({"wrong source", "being written"})
ROWS_PER_DELETE = 500


@dataclass(frozen=True, slots=True)
class Repairs:
    """What mends the differences of an audit."""

    deleted: list[StoredSource]
    """Versions to delete before files are ingested again."""
    chunk_ids: list[str]
    """Rows to delete then."""
    forgotten: list[str]
    """Source ids of records to forget then, so that each file is hashed anew."""
    ingested: list[Path]
    """Files to ingest again."""
    damaged: frozenset[str]
    """Source ids of files to ingest although the index holds their version."""
    gone: list[StoredSource]
    """The versions of files that are gone, to delete afterwards."""
    failures: list[Path]
    """Files whose failures are to be forgotten, unless they fail again."""


def select_repairs(audit: Audit, *, delete_many: bool = False) -> Repairs:
    """Return what mends the differences.

    A live version is deleted only where its file still has the content that it was made of.

    Raises:
        TooManyDeletions: more files are gone than may be deleted unasked.
    """
    found = audit.differences
    gone = [one.version for one in found if one.kind == "gone" and one.version]
    deleted_files = [one.path for one in gone if one.content_hash not in audit.not_held]
    refused = refused_deletions(deleted_files, held=len(audit.index.live), empty=audit.empty)
    if refused is not None and not delete_many:
        raise refused
    # Of another content nobody knows yet whether it can be ingested.
    not_sure = {one.path for one in found if one.kind in {"failed", "gone", "other content"}}
    doomed = [
        one
        for one in found
        if one.kind in LEFT_BEHIND or (one.kind in NOT_TO_REUSE and one.path not in not_sure)
    ]
    return Repairs(
        deleted=[*dict.fromkeys(one.version for one in doomed if one.version)],
        chunk_ids=[one.chunk_id for one in found if one.chunk_id],
        forgotten=[*{one.source_id for one in found if one.kind not in NOT_TO_FORGET}],
        ingested=sorted({one.path for one in found if one.kind not in NOT_TO_INGEST}),
        damaged=frozenset(one.source_id for one in found if one.kind in TO_INGEST_ANYWAY),
        gone=gone,
        failures=sorted({one.path for one in found}),
    )


async def delete_wrong(
    repairs: Repairs, *, vector_store: BasePydanticVectorStore, ledger: Ledger
) -> None:
    """Delete what is wrong in the index, and forget the records of all that is mended."""
    await delete_versions(repairs.deleted, vector_store=vector_store)
    for start in range(0, len(repairs.chunk_ids), ROWS_PER_DELETE):
        ids = repairs.chunk_ids[start : start + ROWS_PER_DELETE]
        await vector_store.adelete_nodes(node_ids=ids)
    if repairs.forgotten:
        await ledger.forget_sources(repairs.forgotten)


async def delete_gone(
    repairs: Repairs,
    failed: Sequence[FileOutcome],
    *,
    vector_store: BasePydanticVectorStore,
    ledger: Ledger,
    now_s: float,
) -> None:
    """Delete the files that are gone, and record which files failed now."""
    await delete_versions(repairs.gone, vector_store=vector_store)
    reasons = {one.path: one.reason for one in failed}
    if reasons:
        await ledger.record_failures(reasons, now_s)
    over = [path for path in repairs.failures if path not in reasons]
    if over:
        await ledger.forget_failures(over)
    begun = [one.source_id for one in await ledger.unsettled_sources() if one.path in reasons]
    if begun:
        await ledger.forget_sources(begun)
