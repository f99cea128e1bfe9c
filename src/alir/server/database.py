"""The service's own SQLite file: keys, what they cost, what it is to ingest, answers and ratings.

It is not made again when it is damaged, as a ledger is: without its keys the service would be open.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from alir.errors import ServiceFileFailed

T = TypeVar("T")
P = ParamSpec("P")

APPLICATION_ID = int.from_bytes(b"alis", "big")
BUSY_TIMEOUT_S = 10.0
_FIRST = (
    """
    CREATE TABLE key (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        secret_hash BLOB NOT NULL,
        scope TEXT NOT NULL,
        tenant TEXT NOT NULL,
        created TEXT NOT NULL,
        revoked TEXT
    ) WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX key_by_name ON key (name) WHERE revoked IS NULL",
    """
    CREATE TABLE spent (
        key TEXT NOT NULL,
        day TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        PRIMARY KEY (key, day)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE ingestion (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        collection TEXT NOT NULL,
        tenant TEXT NOT NULL,
        is_ended INTEGER NOT NULL,
        told TEXT NOT NULL -- JSON
    )
    """,
)
_ANSWERS = (
    """
    CREATE TABLE answer (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        collection TEXT NOT NULL,
        tenant TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        told TEXT NOT NULL, -- JSON
        rating TEXT,
        comment TEXT NOT NULL DEFAULT '',
        rated_ms INTEGER
    )
    """,
    "CREATE INDEX answer_unrated ON answer (collection, tenant, number, at_ms) "
    "WHERE rating IS NULL",
    "CREATE INDEX answer_rated ON answer (collection, tenant, rated_ms, id) "
    "WHERE rating IS NOT NULL",
)
MIGRATIONS = (_FIRST, _ANSWERS)
"""What makes each version of the file of the one before; the first, of an empty one."""
VERSION = len(MIGRATIONS)


class Database:
    """Opens the file at first use; what waits for the disk does so on a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alir-service")
        self._connection: sqlite3.Connection | None = None

    async def run(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return `work(connection, ...)`; in the order of the calls.

        Raises:
            ServiceFileFailed: the file cannot be read or written, or is none of this alir's.
        """

        def done() -> T:
            with _told(self.path):
                if self._connection is None:
                    self._connection = _connected(self.path)
                return work(self._connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, done)

    async def aclose(self) -> None:
        """Close the file after what was asked of it so far."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The open file, for a command that works with it and ends.

    Raises:
        ServiceFileFailed: the file cannot be read or written, or is none of this alir's.
    """
    with _told(path):
        connection = _connected(path.expanduser().absolute())
        try:
            yield connection
        finally:
            connection.close()


def _connected(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only its owner reads it: that is the mode of what SQLite puts beside it, too.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("BEGIN IMMEDIATE")
        _migrate(connection)
        connection.execute("COMMIT")
        if _marks(connection) != (APPLICATION_ID, VERSION):
            raise ServiceFileFailed(str(path), "is none of this version of alir")  # noqa: TRY301
        # FULL: what the service has acknowledged survives a power cut.
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    """Make an empty file, or one of an older version, one of this; in the open transaction."""
    application, version = _marks(connection)
    is_empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not is_empty and (application != APPLICATION_ID or version < 1):
        return
    for statements in MIGRATIONS[0 if is_empty else version :]:
        for statement in statements:
            connection.execute(statement)
    if is_empty or version < VERSION:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
    names = ("application_id", "user_version")
    first, second = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return first, second


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServiceFileFailed(str(path), f"cannot be opened: {error.strerror}") from error
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise ServiceFileFailed(str(path), f"cannot be used: {error}") from error
