"""A SQLite file of the service: created, upgraded, and readable only by its owner."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alir.errors import ServiceFileFailed
from alir.storage.private_files import make_private_file, make_private_folder

BUSY_TIMEOUT_S = 10.0

Migrations = Sequence[Sequence[str]]
"""The statements that upgrade a file to each version; the first from an empty file."""


def open_sqlite(
    path: Path,
    application_id: int,
    migrations: Migrations,
    *,
    pragmas: Sequence[str],
    lost: str = ServiceFileFailed.KEYS,
) -> sqlite3.Connection:
    """Open a file, or create it; any thread may use the connection, one at a time.

    Args:
        lost: What is lost if the file is moved away, for the error's text.

    Raises:
        ServiceFileFailed: It belongs to another program or a newer version.
    """
    make_private_folder(path.parent)
    make_private_file(path)
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("BEGIN IMMEDIATE")
        _migrate(connection, application_id, migrations)
        connection.execute("COMMIT")
        if _marks(connection) != (application_id, len(migrations)):
            raise ServiceFileFailed(str(path), "is none of this version of alir", lost)  # noqa: TRY301
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit everything in the block, or nothing; no other process writes meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself ends it when the disk is full
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translate_errors(path: Path, lost: str = ServiceFileFailed.KEYS) -> Iterator[None]:
    """Raise errors of a file as `ServiceFileFailed`, with what is lost with the file."""
    try:
        yield
    except OSError as error:
        problem = f"cannot be opened: {error.strerror}"
        raise ServiceFileFailed(str(path), problem, lost) from error
    except sqlite3.Error as error:
        raise ServiceFileFailed(str(path), f"cannot be used: {error}", lost) from error


def _migrate(connection: sqlite3.Connection, application_id: int, migrations: Migrations) -> None:
    """Upgrade an empty or older file to this version, in the open transaction."""
    application, version = _marks(connection)
    is_empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not is_empty and (application != application_id or version < 1):
        return
    for statements in migrations[0 if is_empty else version :]:
        for statement in statements:
            connection.execute(statement)
    if is_empty or version < len(migrations):
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
    names = ("application_id", "user_version")
    first, second = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return first, second
