"""The rows of ingestions in the service's file; each ingestion is JSON that the service reads."""

import sqlite3

MAX_ENDED = 1000
"""Ended ingestions that are kept."""


def write(
    db: sqlite3.Connection, collection: str, tenant: str, id_: str, value: str, *, is_ended: bool
) -> None:
    """Insert or update an ingestion; delete the oldest of the ended ones."""
    db.execute(
        "INSERT INTO ingestion (id, collection, tenant, is_ended, told) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET is_ended = excluded.is_ended, told = excluded.told",
        (id_, collection, tenant, is_ended, value),
    )
    if is_ended:
        db.execute(
            "DELETE FROM ingestion WHERE is_ended AND number <= "
            "(SELECT number FROM ingestion WHERE is_ended ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (MAX_ENDED,),
        )


def find(db: sqlite3.Connection, collection: str, id_: str) -> tuple[str, str] | None:
    """Return the tenant and the JSON of an ingestion; None if there is none."""
    query = "SELECT tenant, told FROM ingestion WHERE collection = ? AND id = ?"
    row: tuple[str, str] | None = db.execute(query, (collection, id_)).fetchone()
    return row


def list_unended(db: sqlite3.Connection, collection: str) -> list[tuple[str, str]]:
    """Return the tenant and the JSON of each ingestion that has not ended, oldest first."""
    query = (
        "SELECT tenant, told FROM ingestion WHERE collection = ? AND NOT is_ended ORDER BY number"
    )
    return db.execute(query, (collection,)).fetchall()
