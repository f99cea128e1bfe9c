"""The table of sources: each collection has its own records, in pages and by stage."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alir.models.records import SourceRecord
from alir.storage import sources
from alir.storage.ledger_schema import prepare


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "a.ledger"
    connection = sqlite3.connect(path, isolation_level=None)
    prepare(connection, path, timeout_s=1.0)
    yield connection
    connection.close()


def test_a_record_is_found_again_as_it_was_written_and_replaced(
    db: sqlite3.Connection, record: Callable[..., SourceRecord]
) -> None:
    sources.write(db, "notes", [record("a", "v1"), record("b")])
    sources.write(db, "notes", [record("a", "v2", "written", replaces="v1", ctime_ns=9)])

    assert sources.by_id(db, "notes", ["a", "c"]) == [
        record("a", "v2", "written", replaces="v1", ctime_ns=9)
    ]
    assert sources.by_id(db, "others", ["a"]) == []


def test_pages_come_in_the_order_of_the_ids(
    db: sqlite3.Connection, record: Callable[..., SourceRecord]
) -> None:
    sources.write(db, "notes", [record(name) for name in "cab"])

    assert [one.source_id for one in sources.page(db, "notes", "", limit=2)] == ["a", "b"]
    assert [one.source_id for one in sources.page(db, "notes", "b", limit=2)] == ["c"]


def test_each_stage_has_a_count(
    db: sqlite3.Connection, record: Callable[..., SourceRecord]
) -> None:
    sources.write(db, "notes", [record("a"), record("b", stage="planned"), record("c")])
    sources.forget(db, "notes", ["c"])

    assert sources.counts(db, "notes") == {"planned": 1, "written": 0, "verified": 0, "settled": 1}


def test_a_draft_replaces_the_records_of_its_collection_alone(
    db: sqlite3.Connection, record: Callable[..., SourceRecord]
) -> None:
    sources.write(db, "notes", [record("old")])
    sources.write(db, "others", [record("theirs")])

    sources.begin(db, "draft")
    sources.write(db, "notes", [record("new")], "draft")
    sources.replace(db, "notes", "draft")
    sources.end(db, "draft")

    assert sources.page(db, "notes", "") == [record("new")]
    assert sources.page(db, "others", "") == [record("theirs")]
