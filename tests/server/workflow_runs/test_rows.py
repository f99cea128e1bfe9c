"""The rows of runs: what each function of a connection finds and changes."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_agents.server import HandlerQuery, PersistentHandler

from alir.server.workflow_runs import rows
from alir.server.workflow_runs.owner import RunOwner
from alir.storage.sqlite_file import open_sqlite

ACME, ADMIN = RunOwner("acme", "k1"), RunOwner("", "k2")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_sqlite(tmp_path / "runs", rows.APPLICATION_ID, rows.MIGRATIONS, pragmas=())
    yield connection
    connection.close()


def begin(db: sqlite3.Connection, id_: str, owner: RunOwner) -> None:
    handler = PersistentHandler(
        handler_id=id_, run_id=f"run-{id_}", workflow_name="ask", status="running"
    )
    rows.write(db, rows.RunFilter("notes", owner), handler)


def found(db: sqlite3.Connection, collection: str, owner: RunOwner | None) -> set[str]:
    scope = rows.RunFilter(collection, owner)
    return {one["handler_id"] for one in rows.find(db, scope, HandlerQuery())}


def test_a_tenant_finds_its_own_runs_and_an_admin_key_all(db: sqlite3.Connection) -> None:
    begin(db, "a", ACME)
    begin(db, "b", ADMIN)

    assert found(db, "notes", ACME) == {"a"}
    assert found(db, "notes", ADMIN) == found(db, "notes", None) == {"a", "b"}
    assert found(db, "other", None) == set()
    assert rows.owner_of(db, "run-a") == ACME
    with pytest.raises(LookupError):
        rows.owner_of(db, "run-c")


def test_a_run_is_resumable_when_its_start_event_is_stored(db: sqlite3.Connection) -> None:
    begin(db, "a", ACME)
    before = rows.is_resumable(db, "run-a")
    for value in ("{}", "{}"):
        rows.add_tick(db, "run-a", value)

    assert (before, rows.is_resumable(db, "run-a")) == (False, True)
    assert [number for number, _, _ in rows.ticks(db, "run-a")] == [0, 1]


def test_events_come_in_order_after_a_number(db: sqlite3.Connection) -> None:
    begin(db, "a", ACME)
    for value in ("x", "y", "z"):
        rows.add_event(db, "run-a", value)
    rows.add_event(db, "run-unknown", "w")

    assert [value for _, _, value in rows.events(db, "run-a", None, None)] == ["x", "y", "z"]
    assert [value for _, _, value in rows.events(db, "run-a", 0, 1)] == ["y"]
    assert rows.events(db, "run-unknown", None, None) == []


def test_what_cannot_be_resumed_fails_with_a_reason(db: sqlite3.Connection) -> None:
    begin(db, "a", ACME)
    rows.fail_unresumable(db, "notes", ["ask"])

    [run] = rows.find(db, rows.RunFilter("notes", None), HandlerQuery())
    assert (run["status"], run["error"]) == ("failed", "It was killed as it began.")
    assert not rows.is_running(db, "run-a")
