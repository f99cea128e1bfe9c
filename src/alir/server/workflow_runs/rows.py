"""The rows of the file of runs: runs, their ticks and their events.

Each function takes a connection and runs inside one transaction.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from llama_agents.server import HandlerQuery, PersistentHandler
from workflows.context import JsonSerializer

from alir.server.workflow_runs.owner import RunOwner
from alir.server.workflow_runs.renames import rename_classes

APPLICATION_ID = int.from_bytes(b"alir", "big") ^ 1
MAX_ENDED = 100
"""Ended runs that are kept for each tenant."""
KEPT_FOR = timedelta(days=7)
"""How long an ended run is kept."""
_FIRST = (
    """
    CREATE TABLE run (
        handler_id TEXT PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        collection TEXT NOT NULL,
        tenant TEXT NOT NULL,
        key TEXT NOT NULL,
        workflow_name TEXT NOT NULL,
        status TEXT NOT NULL,
        error TEXT,
        result TEXT, -- JSON
        started_at TEXT,
        updated_at TEXT,
        completed_at TEXT,
        idle_since TEXT
    ) WITHOUT ROWID
    """,
    "CREATE INDEX run_by_tenant ON run (collection, tenant, completed_at)",
    """
    CREATE TABLE tick ( -- what a run that has not ended went through; JSON
        run_id TEXT NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE event ( -- what a run told; JSON
        run_id TEXT NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (run_id, number)
    ) WITHOUT ROWID
    """,
)
MIGRATIONS = (_FIRST,)
_COLUMNS = (
    *("handler_id", "workflow_name", "status", "run_id", "error", "result"),
    *("started_at", "updated_at", "completed_at", "idle_since"),
)
_BEGUN = "EXISTS (SELECT 1 FROM tick WHERE tick.run_id = run.run_id AND number = 1)"
"""A run's first tick is the engine's start, the second its start event."""
_MOST_NUMBER = 2**62


@dataclass(frozen=True, slots=True)
class RunFilter:
    """The runs of a collection that an owner sees: those of one tenant, or all."""

    collection: str
    owner: RunOwner | None
    """None sees all runs, and so does an admin key."""

    def where(self, query: HandlerQuery) -> tuple[str, list[str]]:
        """Return the SQL condition for a query, and its values."""
        clauses, values = ["collection = ?"], [self.collection]
        if self.owner is not None and self.owner.tenant:
            clauses.append("tenant = ?")
            values.append(self.owner.tenant)
        wanted: dict[str, Sequence[str] | None] = {
            "handler_id": query.handler_id_in,
            "run_id": query.run_id_in,
            "workflow_name": query.workflow_name_in,
            "status": query.status_in,
        }
        for column, any_of in wanted.items():
            if any_of is not None:
                clauses.append(f"{column} IN ({', '.join('?' * len(any_of))})")
                values += any_of
        if query.is_idle is not None:
            clauses.append(f"idle_since IS {'NOT ' if query.is_idle else ''}NULL")
        return " AND ".join(clauses), values


def find(db: sqlite3.Connection, scope: RunFilter, query: HandlerQuery) -> list[dict[str, Any]]:
    """Return the runs that match a query, newest first."""
    where, values = scope.where(query)
    rows = db.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM run WHERE {where} ORDER BY started_at DESC",  # noqa: S608
        values,
    )
    return [_from_row(dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def write(db: sqlite3.Connection, scope: RunFilter, handler: PersistentHandler) -> None:
    """Store the state of a run; delete the oldest ended runs of its tenant.

    Raises:
        PermissionError: Another tenant has a run of this id.
    """
    owner = scope.owner or RunOwner("", "")
    query = "SELECT collection, tenant FROM run WHERE handler_id = ?"
    row = db.execute(query, [handler.handler_id]).fetchone()
    if row is not None and (row[0] != scope.collection or owner.tenant not in {"", row[1]}):
        raise PermissionError(handler.handler_id)
    values = _to_row(handler)
    if row is None:
        values |= {"collection": scope.collection, "tenant": owner.tenant, "key": owner.key}
        placeholders = ", ".join("?" * len(values))
        db.execute(
            f"INSERT INTO run ({', '.join(values)}) VALUES ({placeholders})",  # noqa: S608
            [*values.values()],
        )
        return
    changes = ", ".join(f"{name} = ?" for name in values)
    db.execute(
        f"UPDATE run SET {changes} WHERE handler_id = ?",  # noqa: S608
        [*values.values(), handler.handler_id],
    )
    if handler.status != "running":
        db.execute("DELETE FROM tick WHERE run_id = ?", [handler.run_id])
        delete_old(db, scope.collection, row[1])


def delete_old(db: sqlite3.Connection, collection: str, tenant: str) -> None:
    """Delete the runs of a tenant that ended long ago, or before many others."""
    ended = "collection = ? AND tenant = ? AND completed_at IS NOT NULL"
    of_tenant = [collection, tenant]
    db.execute(
        f"DELETE FROM run WHERE {ended} AND (completed_at < ? OR completed_at <= ("  # noqa: S608
        f"SELECT completed_at FROM run WHERE {ended} "
        "ORDER BY completed_at DESC LIMIT 1 OFFSET ?))",
        [*of_tenant, (datetime.now(UTC) - KEPT_FOR).isoformat(), *of_tenant, MAX_ENDED],
    )


def delete(db: sqlite3.Connection, scope: RunFilter, query: HandlerQuery) -> int:
    """Delete the runs that match a query; return how many."""
    where, values = scope.where(query)
    return db.execute(f"DELETE FROM run WHERE {where}", values).rowcount  # noqa: S608


def fail_unresumable(db: sqlite3.Connection, collection: str, workflows: Sequence[str]) -> None:
    """End the runs that cannot be resumed.

    These are runs of workflows that are no longer served, and runs that a kill met before their
    start event was stored. No client was told that one of the latter has begun.
    """
    _fail(
        db,
        f"collection = ? AND workflow_name NOT IN ({', '.join('?' * len(workflows))})",
        [collection, *workflows],
        "Its workflow is served no more.",
    )
    _fail(db, f"collection = ? AND NOT {_BEGUN}", [collection], "It was killed as it began.")


def _fail(db: sqlite3.Connection, where: str, values: Sequence[str], error: str) -> None:
    now = datetime.now(UTC).isoformat()
    db.execute(
        "UPDATE run SET status = 'failed', error = ?, completed_at = ?, updated_at = ? "  # noqa: S608
        f"WHERE status = 'running' AND {where}",
        [error, now, now, *values],
    )


def owner_of(db: sqlite3.Connection, run_id: str) -> RunOwner:
    """Return the owner of a run.

    Raises:
        LookupError: There is no run of this id.
    """
    row = db.execute("SELECT tenant, key FROM run WHERE run_id = ?", [run_id]).fetchone()
    if row is None:
        raise LookupError(run_id)
    return RunOwner(*row)


def is_resumable(db: sqlite3.Connection, run_id: str) -> bool:
    """Return whether a restart could resume a run, or the run has ended."""
    query = f"SELECT 1 FROM run WHERE run_id = ? AND status = 'running' AND NOT {_BEGUN}"  # noqa: S608
    return db.execute(query, [run_id]).fetchone() is None


def is_running(db: sqlite3.Connection, run_id: str) -> bool:
    """Return whether a run is stored as running."""
    query = "SELECT 1 FROM run WHERE run_id = ? AND status = 'running'"
    return db.execute(query, [run_id]).fetchone() is not None


def add_tick(db: sqlite3.Connection, run_id: str, value: str) -> None:
    """Store a tick of a run, if the run has not ended."""
    db.execute(
        "INSERT INTO tick SELECT run_id, (SELECT coalesce(max(number), -1) + 1 FROM tick "
        "WHERE run_id = ?1), ?2, ?3 FROM run WHERE run_id = ?1 AND status = 'running'",
        (run_id, datetime.now(UTC).isoformat(), value),
    )


def add_event(db: sqlite3.Connection, run_id: str, value: str) -> None:
    """Store an event of a run, if the run was not deleted."""
    db.execute(
        "INSERT INTO event SELECT run_id, (SELECT coalesce(max(number), -1) + 1 FROM event "
        "WHERE run_id = ?1), ?2, ?3 FROM run WHERE run_id = ?1",
        (run_id, datetime.now(UTC).isoformat(), value),
    )


def ticks(db: sqlite3.Connection, run_id: str) -> list[tuple[int, str, str]]:
    """Return the ticks of a run: numbers, times and JSON, in order."""
    query = "SELECT number, at, value FROM tick WHERE run_id = ? ORDER BY number"
    return db.execute(query, [run_id]).fetchall()


def events(
    db: sqlite3.Connection, run_id: str, after: int | None, limit: int | None
) -> list[tuple[int, str, str]]:
    """Return the events of a run after a number: numbers, times and JSON, in order."""
    after = -1 if after is None else max(-1, min(after, _MOST_NUMBER))
    query = (
        "SELECT number, at, value FROM event WHERE run_id = ? AND number > ? "
        "ORDER BY number LIMIT ?"
    )
    return db.execute(query, (run_id, after, -1 if limit is None else limit)).fetchall()


def _to_row(handler: PersistentHandler) -> dict[str, str | None]:
    values: dict[str, Any] = {name: getattr(handler, name) for name in _COLUMNS}
    for name, value in values.items():
        if isinstance(value, datetime):
            values[name] = value.isoformat()
    if handler.result is not None:
        values["result"] = JsonSerializer().serialize(handler.result)
    return values


def _from_row(row: dict[str, Any]) -> dict[str, Any]:
    times = ("started_at", "updated_at", "completed_at", "idle_since")
    values = row | {name: datetime.fromisoformat(row[name]) for name in times if row[name]}
    return values | ({"result": json.loads(rename_classes(row["result"]))} if row["result"] else {})
