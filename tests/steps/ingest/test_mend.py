"""Mend: which differences are mended how."""

from pathlib import Path
from typing import Any

import pytest

from alir.errors import TooManyDeletions
from alir.models.differences import Difference, DifferenceKind
from alir.models.files import FileOutcome, StoredSource, source_id
from alir.models.records import SourceRecord
from alir.steps.ingest.audit import Audit
from alir.steps.ingest.mend import Repairs, delete_gone, delete_wrong, select_repairs
from alir.steps.ingest.read_rows import IndexRows

A, B = Path("/docs/a.txt"), Path("/docs/b.txt")


def version(path: Path, generation: int = 7) -> StoredSource:
    return StoredSource(source_id(path), path, f"v{generation}", generation, f"#{path.name}", 2)


def differs(path: Path, kind: DifferenceKind, **about: Any) -> Difference:
    return Difference(path, kind, "…", source_id(path), version(path), **about)


def audited(*differences: Difference, not_held: str = "", empty: tuple[Path, ...] = ()) -> Audit:
    live = {source_id(path): version(path) for path in (A, B)}
    return Audit([*differences], 2, IndexRows(live), frozenset({not_held} - {""}), empty)


@pytest.mark.parametrize(
    ("kind", "deleted", "ingested", "damaged", "forgotten"),
    [
        ("not held", False, True, False, True),
        ("other content", False, True, False, True),
        ("failed", False, True, False, True),
        ("chunks missing", False, True, True, True),
        ("wrong hash", False, True, True, True),
        ("rows doubled", True, True, True, True),
        ("wrong positions", True, True, True, True),
        ("wrong text", True, True, True, True),
        ("no head", True, True, False, True),
        ("old version", True, True, False, True),
        ("being written", False, False, False, False),
        ("wrong source", False, False, False, False),
        ("ledger lacks it", False, True, False, True),
        ("ledger disagrees", False, True, False, True),
        ("ledger unsettled", False, True, False, True),
        ("index denies it", False, True, False, True),
        ("ledger keeps it", False, False, False, True),
        ("gone", False, False, False, True),
    ],
)
def test_each_kind_has_its_repair(
    kind: DifferenceKind, deleted: bool, ingested: bool, damaged: bool, forgotten: bool
) -> None:
    repairs = select_repairs(audited(differs(A, kind)))

    assert repairs.deleted == ([version(A)] if deleted else [])
    assert repairs.ingested == ([A] if ingested else [])
    assert repairs.damaged == (frozenset({source_id(A)}) if damaged else frozenset())
    assert repairs.forgotten == ([source_id(A)] if forgotten else [])
    assert repairs.gone == ([version(A)] if kind == "gone" else [])


@pytest.mark.parametrize("why", ["failed", "gone", "other content"])
def test_a_version_that_may_not_come_again_is_not_deleted(why: DifferenceKind) -> None:
    assert select_repairs(audited(differs(A, why), differs(A, "wrong text"))).deleted == []


def test_a_version_with_two_faults_is_deleted_once() -> None:
    repairs = select_repairs(audited(differs(A, "wrong text"), differs(A, "rows doubled")))
    assert repairs.deleted == [version(A)]


def test_files_of_an_empty_folder_go_only_if_many_may() -> None:
    audit = audited(differs(A, "gone"), empty=(Path("/docs"),))
    with pytest.raises(TooManyDeletions):
        select_repairs(audit)
    assert select_repairs(audit, delete_many=True).gone == [version(A)]


def test_a_file_that_was_moved_is_not_lost() -> None:
    audit = audited(differs(A, "gone"), not_held="#a.txt", empty=(Path("/docs"),))
    assert select_repairs(audit).gone == [version(A)]


async def test_what_is_wrong_goes_by_version_and_by_row(store: Any, ledger: Any) -> None:
    deleted_ids: list[str] = []

    class Store(type(store)):  # type: ignore[misc]
        async def adelete_nodes(self, node_ids: Any = None, filters: Any = None, **_: Any) -> None:
            deleted_ids.extend(node_ids or [])
            if filters:
                self.delete_nodes(filters=filters)

    store = Store()
    await ledger.record_sources([SourceRecord(source_id(A), A, 1, 0, "", "v7", 2, "settled")])
    repairs = Repairs([version(A)], ["row"], [source_id(A)], [], frozenset(), [], [])

    await delete_wrong(repairs, vector_store=store, ledger=ledger)

    assert deleted_ids == ["row"]
    assert store.log == [
        f"delete doc_id in ['{source_id(A)}'] and version in ['v7'] and generation == 7"
    ]
    assert await ledger.is_empty()


async def test_the_ledger_keeps_only_the_failures_of_now(store: Any, ledger: Any) -> None:
    await ledger.record_failures({A: "was away", B: "was away"}, 0)
    begun = SourceRecord(source_id(B), B, 1, 0, "", "v7", 0, "planned")
    await ledger.record_sources([begun])
    failed = [FileOutcome(B, "failed", "is empty")]
    repairs = Repairs([], [], [], [], frozenset(), [], [A, B])

    await delete_gone(repairs, failed, vector_store=store, ledger=ledger, now_s=1)

    assert [(one.path, one.reason) for one in await ledger.failed_files()] == [(B, "is empty")]
    assert await ledger.is_empty()
