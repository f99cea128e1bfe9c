"""The ledger's tables, and how an older ledger becomes one of today's."""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from alir.errors import InvalidSetting
from alir.storage.private_files import make_private_folder
from alir.storage.sqlite_file import transaction

SETTING = "ALIR_LEDGER"
APPLICATION_ID = int.from_bytes(b"alir", "big")
"""Marks a ledger among SQLite files; a Milvus Lite file is one, too."""

MIGRATIONS: Sequence[Sequence[str]] = (
    (
        # A path is bytes: on Linux it need not be text.
        """
        CREATE TABLE source (
            collection TEXT NOT NULL,
            source_id TEXT NOT NULL,
            path BLOB NOT NULL,
            size_bytes INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            ctime_ns INTEGER NOT NULL,
            content_hash TEXT NOT NULL,
            version TEXT NOT NULL,
            chunks INTEGER NOT NULL,
            stage TEXT NOT NULL,
            replaces TEXT NOT NULL,
            PRIMARY KEY (collection, source_id)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX source_by_content ON source (collection, content_hash)",
        "CREATE INDEX source_unsettled ON source (collection) WHERE stage <> 'settled'",
        """
        CREATE TABLE failure (
            collection TEXT NOT NULL,
            path BLOB NOT NULL,
            reason TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            first_s REAL NOT NULL,
            last_s REAL NOT NULL,
            next_try_s REAL NOT NULL,
            PRIMARY KEY (collection, path)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE fingerprint (
            collection TEXT PRIMARY KEY,
            made_with TEXT NOT NULL -- JSON
        ) WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE source ADD COLUMN generation INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX source_by_path ON source (collection, path)",
        """
        CREATE TABLE sequence (
            collection TEXT PRIMARY KEY,
            generation INTEGER NOT NULL -- the last that was drawn
        ) WITHOUT ROWID
        """,
        # More than one of a given path, until what it led to before is gone from the index.
        """
        CREATE TABLE root (
            collection TEXT NOT NULL,
            given BLOB NOT NULL,
            real BLOB NOT NULL,
            PRIMARY KEY (collection, given, real)
        ) WITHOUT ROWID
        """,
    ),
)
"""What leads from each version to the next. One that was released stays as it is."""


TABLES = {"source", "failure", "fingerprint"}


def prepare(
    connection: sqlite3.Connection,
    path: Path,
    *,
    timeout_s: float,
    migrations: Sequence[Sequence[str]] = MIGRATIONS,
) -> None:
    """Make the open file an up-to-date ledger; other processes may do so at the same time.

    Raises:
        InvalidSetting: it is a newer alir's ledger, or no ledger at all.
    """
    _refuse_what_is_no_ledger(connection, path)
    if _pragma(connection, "user_version") != len(migrations):
        # One transaction, in the file itself where it is new: never a ledger by half.
        with transaction(connection):
            _migrate(connection, path, migrations)
    _keep_a_write_ahead_log(connection, timeout_s)


def _refuse_what_is_no_ledger(connection: sqlite3.Connection, path: Path) -> None:
    # In this order: another process may be making it, both in one transaction.
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and _pragma(connection, "application_id") != APPLICATION_ID:
        raise not_a_ledger(path)


def lacks_tables(connection: sqlite3.Connection) -> bool:
    """Return whether the open file, once a ledger, has lost its tables."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    return not tables >= TABLES


def not_a_ledger(path: Path) -> InvalidSetting:
    """Return the error for a file of another program, or one that is damaged."""
    return InvalidSetting(
        SETTING,
        f"{path} is not a ledger",
        "Name another file, or delete it: a ledger is made again from the collection.",
    )


def unusable(path: Path, problem: str) -> InvalidSetting:
    """Return the error for a file that cannot be opened."""
    return InvalidSetting(SETTING, f"{path} cannot be opened: {problem}", "Name another file.")


def make_folder(path: Path) -> None:
    """Make the folder of the file `path`.

    Raises:
        InvalidSetting: it cannot be made.
    """
    try:
        make_private_folder(path.parent)
    except OSError as error:
        problem = f"the folder {path.parent} cannot be made: {(error.strerror or '').lower()}"
        raise InvalidSetting(SETTING, problem, "Choose another place.") from error


def _migrate(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]]
) -> None:
    version = _pragma(connection, "user_version")
    if version > len(migrations):
        raise InvalidSetting(
            SETTING,
            f"{path} is of a newer alir: version {version}, and this one knows {len(migrations)}",
            "Install the newer alir, or name another file.",
        )
    for statements in migrations[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _keep_a_write_ahead_log(connection: sqlite3.Connection, timeout_s: float) -> None:
    """Let readers read during a write; SQLite does not wait by itself to change to this mode."""
    give_up = time.monotonic() + timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > give_up:
                raise
        time.sleep(0.01)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
