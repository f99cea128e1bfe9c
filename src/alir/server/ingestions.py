"""Ingestions as clients see them, and as they are kept: one that was taken on comes to an end."""

import sqlite3
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ConfigDict

from alir.server.schemas.base import ApiModel
from alir.server.schemas.problems import Problem

KEPT = 1000
"""Ended ones."""

Kind = Literal["ingest", "delete"]
State = Literal["queued", "running", "done", "failed", "cancelled"]


class Ingestion(ApiModel):
    """What becomes of files in the index: they are ingested, or deleted."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: Kind
    state: State
    paths: list[str]
    """Files and folders, below the caller's own."""
    delete_many: bool = False
    begun: str
    """When it was asked for, in ISO 8601."""
    ended: str | None = None
    files: int | None = None
    """Below the paths; null until they are counted."""
    files_done: int = 0
    chunks_written: int = 0
    waiting: str | None = None
    """What it waits for, where that is more than its turn."""
    report: dict[str, Any] | None = None
    """What was done: the object that `alir ingest --json` prints."""
    problem: Problem | None = None
    """Why it failed."""

    @property
    def is_ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in {"done", "failed", "cancelled"}


def write(db: sqlite3.Connection, collection: str, tenant: str, told: Ingestion) -> None:
    """Keep how far an ingestion has come; forget the oldest of those that have ended."""
    db.execute(
        "INSERT INTO ingestion (id, collection, tenant, is_ended, told) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET is_ended = excluded.is_ended, told = excluded.told",
        (told.id, collection, tenant, told.is_ended, told.model_dump_json()),
    )
    if told.is_ended:
        db.execute(
            "DELETE FROM ingestion WHERE is_ended AND number <= "
            "(SELECT number FROM ingestion WHERE is_ended ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (KEPT,),
        )


def find(db: sqlite3.Connection, collection: str, id_: str) -> tuple[str, Ingestion] | None:
    """Return the tenant of an ingestion, and what is told of it; None if there is none."""
    query = "SELECT tenant, told FROM ingestion WHERE collection = ? AND id = ?"
    row = db.execute(query, (collection, id_)).fetchone()
    return None if row is None else (row[0], Ingestion.model_validate_json(row[1]))


def unended(db: sqlite3.Connection, collection: str) -> list[tuple[str, Ingestion]]:
    """Return those that have not ended, each with its tenant, oldest first."""
    query = (
        "SELECT tenant, told FROM ingestion WHERE collection = ? AND NOT is_ended ORDER BY number"
    )
    rows = db.execute(query, (collection,))
    return [(tenant, Ingestion.model_validate_json(told)) for tenant, told in rows]


def now() -> str:
    """Return the time, in ISO 8601."""
    return datetime.now(UTC).isoformat("T", "seconds")
