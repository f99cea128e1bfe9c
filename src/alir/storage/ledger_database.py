"""The ledger's SQLite file, and the one thread that uses it."""

import asyncio
import errno
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from alir.concurrency.coalescer import Coalescer
from alir.concurrency.per_loop import PerLoop
from alir.concurrency.per_process import PerProcess
from alir.errors import AlirError, LedgerFailed
from alir.storage.ledger_schema import (
    APPLICATION_ID,
    lacks_tables,
    make_folder,
    not_a_ledger,
    prepare,
    unusable,
)
from alir.storage.private_files import make_private_file, obstacle
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
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_REFUSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}

_opening = PerProcess(threading.Lock)
"""A file that this process closes loses the locks that SQLite has on it in the same process."""
_log = logging.getLogger(__name__)


class LedgerDatabase:
    """Opens a ledger's file at first use, and again after `aclose`; for any event loop.

    A forked child opens it again: SQLite's locks are lost in a fork. A file that was replaced or
    deleted meanwhile, or has lost its tables, is noticed at the next call.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._thread = PerProcess(lambda: _Thread(self.path))
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
        thread = self._thread.in_this_process()
        return await asyncio.wrap_future(thread.submit(lambda db: work(db, *args, **kwargs)))

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
        await asyncio.wrap_future(self._thread.in_this_process().close())

    async def _write_together(self, _: None, writes: Sequence[_Write]) -> list[None]:
        return await self.run_in_thread(_in_one_transaction, writes)


def _in_one_transaction(db: sqlite3.Connection, writes: Sequence[_Write]) -> list[None]:
    with transaction(db):
        for write in writes:
            write(db)
    return [None] * len(writes)


class _Thread:
    """The one thread that uses the file; it ends at `close`, and the next call starts another."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._was_open = False

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(1, thread_name_prefix="alir-ledger")
            return self._executor.submit(self._run, work)

    def close(self) -> "Future[None]":
        with self._lock:
            executor, self._executor = self._executor, None
            closed: Future[None] = Future()
            if executor is None:
                closed.set_result(None)
            else:
                closed = executor.submit(self._close)
                executor.shutdown(wait=False)
            return closed

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._current())
        except sqlite3.Error as error:
            if not self._is_damage(error):
                raise _translated(error, self._path) from error
            self._close()
            aside = _move_aside(self._path, self._inode)
            raise LedgerFailed(
                str(self._path),
                f"is damaged ({error}) and was moved to {aside}",
                "Try again: it is made again from the collection.",
                retryable=True,
            ) from error

    def _current(self) -> sqlite3.Connection:
        """Return the open file.

        Raises:
            LedgerFailed: another file is in its place by now, or none.
        """
        if self._connection is not None and self._inode != _inode(self._path):
            self._close()
            raise LedgerFailed(
                str(self._path),
                "was deleted or replaced while it was in use",
                "Try again: what is missing is made again from the collection.",
                retryable=True,
            )
        if self._connection is None:
            with _opening.in_this_process():
                self._connection, self._inode = _opened(self._path, was_open=self._was_open)
            self._was_open = True
        return self._connection

    def _is_damage(self, error: sqlite3.Error) -> bool:
        if _code(error) == sqlite3.SQLITE_ERROR and self._connection is not None:
            with suppress(sqlite3.Error):
                return lacks_tables(self._connection)
        return _code(error) in _DAMAGED

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _inode(path: Path) -> int:
    """Return the number of the file that has the name now; 0 for none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _opened(path: Path, *, was_open: bool) -> tuple[sqlite3.Connection, int]:
    """Return the open file and its inode.

    Args:
        was_open: there was a ledger here before, so what is no ledger now is a damaged one.
    """
    make_folder(path)
    try:
        make_private_file(path)
        inode = path.stat().st_ino
    except OSError as error:
        raise _unopened(path, error) from error
    try:
        return _connected(path), inode
    except sqlite3.DatabaseError as error:
        if _code(error) not in _DAMAGED:
            raise
        if not (was_open or _is_marked(path)):
            raise not_a_ledger(path) from error
        aside = _move_aside(path, inode)
        make_private_file(path)
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


def _translated(error: sqlite3.Error, path: Path) -> AlirError:
    code, name = _code(error), str(path)
    if code in _REFUSED:
        cause = obstacle(path.parent)
        return unusable(path, str(error)) if cause is None else _unopened(path, cause)
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
    return LedgerFailed(name, f"cannot be used: {error}", "Try again.", retryable=True)


def _unopened(path: Path, error: OSError) -> AlirError:
    why = (error.strerror or str(error)).lower()
    if error.errno not in _PASSING:
        return unusable(path, why)
    remedy = "Make room on its disk, or close files or programs, and try again."
    return LedgerFailed(str(path), f"cannot be opened: {why}", remedy, retryable=True)


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None for what Python's module found by itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
