"""The table of failures, and the wait before a file is tried again."""

import os
import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path

from alir.models.records import FailedFile

FIRST_WAIT_S = 60.0
LONGEST_WAIT_S = 86_400.0


def wait_s(attempts: int) -> float:
    """Return how long to wait after so many failed attempts: a minute, doubling up to a day."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempts - 1, 32))


def write(
    db: sqlite3.Connection, collection: str, reasons: Mapping[Path, str], now_s: float
) -> None:
    """Note one more failed attempt at each path."""
    for path, reason in reasons.items():
        key = (collection, os.fsencode(path))
        query = "SELECT attempts, first_s FROM failure WHERE collection = ? AND path = ?"
        attempts, first_s = db.execute(query, key).fetchone() or (0, now_s)
        next_try_s = now_s + wait_s(attempts + 1)
        # A reason may quote a name that is not text.
        text = reason.encode("utf-8", "backslashreplace").decode()
        db.execute(
            "INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*key, text, attempts + 1, first_s, now_s, next_try_s),
        )


def forget(db: sqlite3.Connection, collection: str, paths: Collection[Path]) -> None:
    """Delete the failures of `paths`."""
    rows = ((collection, os.fsencode(path)) for path in paths)
    db.executemany("DELETE FROM failure WHERE collection = ? AND path = ?", rows)


def read(db: sqlite3.Connection, collection: str) -> list[FailedFile]:
    """Return the failed files, in the order of their paths."""
    query = (
        "SELECT path, reason, attempts, first_s, last_s, next_try_s FROM failure "
        "WHERE collection = ? ORDER BY path"
    )
    rows = db.execute(query, (collection,))
    return [FailedFile(Path(os.fsdecode(path)), *others) for path, *others in rows]
