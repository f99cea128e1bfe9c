"""The ledger's SQLite file, and the one thread that uses it."""

import asyncio
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from alir.concurrency.coalescer import Coalescer
from alir.concurrency.per_loop import PerLoop
from alir.errors import AlirError, LedgerFailed
from alir.storage.ledger_schema import (
    APPLICATION_ID,
    make_folder,
    not_a_ledger,
    prepare,
    unusable,
)
from alir.storage.sqlite_file import transaction

T = TypeVar("T")
P = ParamSpec("P")

_Write = Callable[[sqlite3.Connection], None]

MAX_WRITES = 256
"""Concurrent writes that share one transaction, at most."""
BUSY_TIMEOUT_S = 30.0
"""Longest wait for another process's transaction."""
_MAGIC = b"SQLite format 3\0"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_REFUSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}

_opening = threading.Lock()
"""A file that this process closes loses the locks that SQLite has on it in the same process."""
_log = logging.getLogger(__name__)


class LedgerDatabase:
    """Opens a ledger's file at first use, and again after `aclose`; for any event loop.

    It belongs to the process that uses it first: SQLite's locks are lost in a fork.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._guard = threading.Lock()
        self._thread: _Thread | None = None
        self._writes: PerLoop[Coalescer[None, _Write, None]] = PerLoop(
            lambda: Coalescer(
                self._write_together,
                max_items=MAX_WRITES,
                is_divisible=lambda error: not isinstance(error, AlirError),
            )
        )

    async def run_in_thread(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return `work(connection, ...)`, run on the file's thread in the order of the calls.

        Raises:
            InvalidSetting: the file cannot be opened, or is no ledger of this alir.
            LedgerFailed: the disk is full or fails, or another process writes for too long.
        """
        with self._guard:
            if self._thread is None:
                self._thread = _Thread(self.path)
            submitted = self._thread.submit(lambda db: work(db, *args, **kwargs))
        return await asyncio.wrap_future(submitted)

    async def write(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], None],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Run `work(connection, ...)` in a transaction, which concurrent writes share.

        Raises:
            InvalidSetting, LedgerFailed: as `run_in_thread` does.
        """
        await self._writes.on_this_loop()(None, [lambda db: work(db, *args, **kwargs)])

    async def aclose(self) -> None:
        """Finish the pending calls and close the file."""
        await self._writes.on_this_loop().drain()
        with self._guard:
            thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.wrap_future(thread.close())

    async def _write_together(self, _: None, writes: Sequence[_Write]) -> list[None]:
        return await self.run_in_thread(_in_one_transaction, writes)


def _in_one_transaction(db: sqlite3.Connection, writes: Sequence[_Write]) -> list[None]:
    with transaction(db):
        for write in writes:
            write(db)
    return [None] * len(writes)


class _Thread:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = os.getpid()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="alir-ledger")
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        if self._process != os.getpid():
            raise RuntimeError(f"{self._path} was opened before the fork: open it in one process")
        return self._executor.submit(self._run, work)

    def close(self) -> "Future[None]":
        closed = self._executor.submit(self._close)
        self._executor.shutdown(wait=False)
        return closed

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                with _opening:
                    self._connection, self._inode = _opened(self._path)
            return work(self._connection)
        except sqlite3.Error as error:
            if _code(error) not in _DAMAGED:
                raise _translated(error, self._path) from error
            self._close()
            aside = _move_aside(self._path, self._inode)
            raise LedgerFailed(
                str(self._path),
                f"is damaged ({error}) and was moved to {aside}",
                "Try again: it is made again from the collection.",
                retryable=True,
            ) from error

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _opened(path: Path) -> tuple[sqlite3.Connection, int]:
    """Return the open file and its inode."""
    make_folder(path)
    try:
        if not path.exists():
            path.touch()
        inode = path.stat().st_ino
    except OSError as error:
        raise unusable(path, (error.strerror or str(error)).lower()) from error
    try:
        return _connected(path), inode
    except sqlite3.DatabaseError as error:
        if _code(error) not in _DAMAGED:
            raise
        if not _is_marked(path):
            raise not_a_ledger(path) from error
        aside = _move_aside(path, inode)
        _log.warning("The ledger %s is damaged (%s) and was moved to %s", path, error, aside)
        connection = _connected(path)
        return connection, path.stat().st_ino


def _connected(path: Path) -> sqlite3.Connection:
    # Opened by the thread that uses it, and closed by whichever lets go of it last.
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        prepare(connection, path, timeout_s=BUSY_TIMEOUT_S)
        # FULL: what `record` returned from survives a power cut, too. NORMAL would not lose files
        # (one that is not recorded is compared again), but could bring back a record of what was
        # deleted since.
        connection.execute("PRAGMA synchronous = FULL")
    except (sqlite3.Error, AlirError):
        connection.close()
        raise
    return connection


def _is_marked(path: Path) -> bool:
    """Return whether the file's header is that of a ledger, also if the rest is damaged."""
    with path.open("rb") as file:
        header = file.read(72)
    return header.startswith(_MAGIC) and header[68:] == APPLICATION_ID.to_bytes(4, "big")


def _move_aside(path: Path, inode: int) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    with suppress(FileNotFoundError):
        if path.stat().st_ino != inode:  # another process did it, and made a new one
            return path.with_name(f"{path.name}.corrupt-{number - 1}")
    for suffix in ("", "-wal", "-shm"):  # what is left of them would be taken for the new one's
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _translated(error: sqlite3.Error, path: Path) -> Exception:
    code, name = _code(error), str(path)
    if code in _REFUSED:
        return unusable(path, str(error))
    if code == sqlite3.SQLITE_FULL:
        return LedgerFailed(
            name, "cannot be written: its disk is full", "Make room on it.", retryable=False
        )
    if code == sqlite3.SQLITE_IOERR:
        return LedgerFailed(
            name, f"cannot be written or read: {error}", "Check its disk.", retryable=False
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        problem = f"was being written by another process for {BUSY_TIMEOUT_S:g} s"
        return LedgerFailed(name, problem, "Try again.", retryable=True)
    return error


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None for what Python's module found by itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
