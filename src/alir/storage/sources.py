"""The table of sources."""

import json
import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from alir.models.records import SourceRecord, Stage

STAGES: tuple[Stage, ...] = get_args(Stage)
PAGE = 1000
"""Records read or written at a time where there may be any number."""

_COLUMNS = (
    "source_id, path, size_bytes, mtime_ns, content_hash, version, chunks, stage, replaces, "
    "ctime_ns, generation"
)
_SELECT = f"SELECT {_COLUMNS} FROM source WHERE collection = ?"  # noqa: S608  our own names


def write(
    db: sqlite3.Connection, collection: str, records: Sequence[SourceRecord], table: str = "source"
) -> None:
    """Write `records`, replacing those of the same sources."""
    statement = (
        f"INSERT OR REPLACE INTO {table} (collection, {_COLUMNS}) "  # noqa: S608
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    db.executemany(statement, ((collection, *_row(record)) for record in records))


def forget(db: sqlite3.Connection, collection: str, ids: Collection[str]) -> None:
    """Delete the records of the sources `ids`."""
    rows = ((collection, one) for one in ids)
    db.executemany("DELETE FROM source WHERE collection = ? AND source_id = ?", rows)


def by_id(db: sqlite3.Connection, collection: str, ids: Collection[str]) -> list[SourceRecord]:
    """Return the records of the sources `ids` that there are."""
    among = "AND source_id IN (SELECT value FROM json_each(?))"
    return list(_read(db, f"{_SELECT} {among}", collection, json.dumps(list(ids))))


def page(
    db: sqlite3.Connection, collection: str, after: str, *, limit: int = PAGE
) -> list[SourceRecord]:
    """Return the next records after the source id `after`, in the order of their ids."""
    query = f"{_SELECT} AND source_id > ? ORDER BY source_id LIMIT {limit:d}"
    return list(_read(db, query, collection, after))


def unsettled(db: sqlite3.Connection, collection: str) -> list[SourceRecord]:
    """Return the records that are not settled."""
    return list(_read(db, f"{_SELECT} AND stage <> 'settled'", collection))


def below(
    db: sqlite3.Connection, collection: str, root: Path, after: bytes, *, limit: int = PAGE
) -> list[SourceRecord]:
    """Return the next records after the path `after` of the file `root`, or of files below it."""
    itself = os.fsencode(root)
    inside = itself.rstrip(b"/") + b"/"
    # The byte that follows "/" ends what begins with it. Two ranges, as other names lie between;
    # with a plain `path > ?` SQLite would go through all paths for the one.
    query = (
        f"{_SELECT} AND path = ? AND +path > ? "
        f"UNION ALL {_SELECT} AND path > ? AND path < ? ORDER BY path LIMIT {limit:d}"
    )
    file, folder = (itself, after), (max(inside, after), inside[:-1] + b"0")
    return list(_read(db, query, collection, *file, collection, *folder))


def counts(db: sqlite3.Connection, collection: str) -> dict[Stage, int]:
    """Return how many records there are of each stage."""
    query = "SELECT stage, count(*) FROM source WHERE collection = ? GROUP BY stage"
    found = dict(db.execute(query, (collection,)).fetchall())
    return {stage: found.get(stage, 0) for stage in STAGES}


def begin(db: sqlite3.Connection, draft: str) -> None:
    """Make a table like the table of sources, which goes with the connection."""
    db.execute(f"CREATE TEMP TABLE {draft} AS SELECT * FROM source WHERE FALSE")  # noqa: S608


def replace(db: sqlite3.Connection, collection: str, draft: str) -> None:
    """Replace the records of the collection by those of `draft`."""
    db.execute("DELETE FROM source WHERE collection = ?", (collection,))
    db.execute(f"INSERT OR REPLACE INTO source SELECT * FROM {draft}")  # noqa: S608


def end(db: sqlite3.Connection, draft: str) -> None:
    """Delete the table `draft`."""
    db.execute(f"DROP TABLE IF EXISTS {draft}")


def _read(db: sqlite3.Connection, query: str, *values: str | bytes) -> Iterator[SourceRecord]:
    return (_record(row) for row in db.execute(query, values))


def _row(record: SourceRecord) -> tuple[Any, ...]:
    return (
        record.source_id,
        os.fsencode(record.path),
        record.size_bytes,
        record.mtime_ns,
        record.content_hash,
        record.version,
        record.chunks,
        record.stage,
        record.replaces,
        record.ctime_ns,
        record.generation,
    )


def _record(row: tuple[Any, ...]) -> SourceRecord:
    source_id, path, *others = row
    return SourceRecord(source_id, Path(os.fsdecode(path)), *others)
