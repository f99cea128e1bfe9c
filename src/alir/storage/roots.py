"""The table of roots: what each given path led to when it was ingested."""

import os
import sqlite3
from collections.abc import Collection
from pathlib import Path

from alir.models.files import RootTarget


def read(db: sqlite3.Connection, collection: str) -> list[RootTarget]:
    """Return what every given path led to, at its last runs."""
    query = "SELECT given, real FROM root WHERE collection = ? ORDER BY given, real"
    rows = db.execute(query, (collection,))
    return [RootTarget(*(Path(os.fsdecode(path)) for path in row)) for row in rows]


def write(db: sqlite3.Connection, collection: str, targets: Collection[RootTarget]) -> None:
    """Note `targets` beside what is noted already."""
    db.executemany("INSERT OR IGNORE INTO root VALUES (?, ?, ?)", _rows(collection, targets))


def settle(db: sqlite3.Connection, collection: str, targets: Collection[RootTarget]) -> None:
    """Forget what the given paths of `targets` led to before."""
    statement = "DELETE FROM root WHERE collection = ? AND given = ? AND real <> ?"
    db.executemany(statement, _rows(collection, targets))


def _rows(collection: str, targets: Collection[RootTarget]) -> list[tuple[str, bytes, bytes]]:
    return [(collection, os.fsencode(one.given), os.fsencode(one.real)) for one in targets]
