"""The service's SQLite file: keys, token usage, ingestions, answers and ratings.

Unlike a ledger, a damaged file is not made again: without its keys the service would be open.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from alir.errors import ServiceFileFailed
from alir.storage.keys import keep_mark
from alir.storage.sqlite_file import open_sqlite, translate_errors

T = TypeVar("T")
P = ParamSpec("P")

_PASSING = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM),
}
"""Results after which the open file is as good as before."""

APPLICATION_ID = int.from_bytes(b"alis", "big")
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
_KEYED = (
    "CREATE TABLE keyed (since TEXT NOT NULL)",
    "INSERT INTO keyed SELECT created FROM key ORDER BY created LIMIT 1",
    "CREATE TRIGGER key_added AFTER INSERT ON key WHEN NOT EXISTS (SELECT 1 FROM keyed) "
    "BEGIN INSERT INTO keyed VALUES (new.created); END",
)
"""A row if there ever was a key; it outlives the table of keys."""
MIGRATIONS = (_FIRST, _ANSWERS, _KEYED)
"""The statements that upgrade the file to each version; the first from an empty file."""
VERSION = len(MIGRATIONS)


class ServiceDatabase:
    """Opens the file at first use; calls wait for the disk on a thread of their own.

    If another file takes its place, that one is opened, so that keys revoked in it are refused. One
    that is gone is not made again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alir-service")
        self._connection: sqlite3.Connection | None = None
        self._reading: sqlite3.Connection | None = None
        self._opened = (0, 0)
        """Device and inode of the open file."""

    async def read_committed(
        self,
        read: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return `read(connection, ...)`, which reads a few committed rows by their keys.

        It reads on the event loop, in some microseconds: a call in the thread takes several times
        as long. While another call writes, it waits for that in the thread.

        Raises:
            ServiceFileFailed: As `run_in_thread`.
        """
        if self._reading is not None and self._is_same_file():
            with suppress(sqlite3.Error):
                return read(self._reading, *args, **kwargs)
        return await self.run_in_thread(read, *args, **kwargs)

    async def run_in_thread(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return `work(connection, ...)`; calls run in order.

        Raises:
            ServiceFileFailed: The file cannot be read or written, or is not of this version.
        """

        def done() -> T:
            with translate_errors(self.path):
                connection = self._open()
                try:
                    return work(connection, *args, **kwargs)
                except sqlite3.Error as error:
                    if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _PASSING:
                        self._close()  # another file may be in its place by the next call
                    raise

        return await asyncio.get_running_loop().run_in_executor(self._thread, done)

    async def aclose(self) -> None:
        """Close the file after the calls so far."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            if self._is_same_file():
                return self._connection
            if not self.path.exists():
                raise ServiceFileFailed(str(self.path), "is gone")
            self._close()
        self._connection = _connected(self.path)
        self._reading = _reading(self.path)
        status = self.path.stat()
        self._opened = status.st_dev, status.st_ino
        return self._connection

    def _is_same_file(self) -> bool:
        try:
            status = self.path.stat()
        except OSError:
            return False
        return self._opened == (status.st_dev, status.st_ino)

    def _close(self) -> None:
        both = self._reading, self._connection
        self._reading = self._connection = None
        for connection in both:
            if connection is not None:
                connection.close()


@contextmanager
def open_service_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for a command that ends soon.

    Raises:
        ServiceFileFailed: The file cannot be read or written, or is not of this version.
    """
    with translate_errors(path):
        connection = _connected(path.expanduser().absolute())
        try:
            yield connection
        finally:
            connection.close()


def _reading(path: Path) -> sqlite3.Connection:
    """Return a read-only connection that does not wait for writers."""
    return sqlite3.connect(
        f"{path.as_uri()}?mode=ro",
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
    )


def _connected(path: Path) -> sqlite3.Connection:
    # FULL: acknowledged writes survive a power cut.
    connection = open_sqlite(path, APPLICATION_ID, MIGRATIONS, pragmas=("synchronous = FULL",))
    try:
        keep_mark(connection)
    except BaseException:
        connection.close()
        raise
    return connection
