"""The file of runs: a thread of its own, and one transaction for all who wait together."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from alir.coalescer import Coalescer
from alir.errors import ServiceFileFailed
from alir.server.runs.rows import APPLICATION_ID, TABLES, VERSION

T = TypeVar("T")
P = ParamSpec("P")
_Work = Callable[[sqlite3.Connection], Any]

MAX_BATCH = 256
"""Reads and writes in one transaction."""
BUSY_TIMEOUT_S = 10.0


class RunsFile:
    """Opens the file at first use."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alir-runs")
        self._connection: sqlite3.Connection | None = None
        self._together: Coalescer[str, _Work, Any] = Coalescer(self._call, max_items=MAX_BATCH)

    async def run(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return `work(connection, ...)`, kept on the disk; in the order of the calls.

        Raises:
            ServiceFileFailed: the file cannot be read or written, or is none of this alir's.
        """
        [done] = await self._together("", [partial(_called, work, args, kwargs)])
        if isinstance(done, Exception):
            raise done
        result: T = done
        return result

    async def aclose(self) -> None:
        """Close the file after what was asked of it so far."""
        await self._together.drain()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    async def _call(self, _: str, works: Sequence[_Work]) -> Sequence[Any]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._done, works)

    def _done(self, works: Sequence[_Work]) -> list[Any]:
        """Return what each of `works` gives, or the error that it raises; its own, or all's."""
        try:
            if self._connection is None:
                self._connection = _connected(self.path)
            db = self._connection
            db.execute("BEGIN IMMEDIATE")
            try:
                results = [_attempted(db, work) for work in works]
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise
        except OSError as error:
            problem = f"cannot be opened: {error.strerror}"
            raise _failed(self.path, problem) from error
        except sqlite3.Error as error:
            raise _failed(self.path, f"cannot be used: {error}") from error
        return results

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _called(
    work: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    db: sqlite3.Connection,
) -> T:
    return work(db, *args, **kwargs)


def _attempted(db: sqlite3.Connection, work: _Work) -> Any:
    db.execute("SAVEPOINT one")
    try:
        result = work(db)
    except sqlite3.Error:
        raise  # the file's: it is everybody's
    except Exception as error:  # noqa: BLE001  whose it is gets it
        db.execute("ROLLBACK TO one")
        result = error
    db.execute("RELEASE one")
    return result


def _connected(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only its owner reads it: that is the mode of what SQLite puts beside it, too.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        db.execute("BEGIN IMMEDIATE")
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for table in TABLES:
                db.execute(table)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
        marks = [
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        ]
        if marks != [APPLICATION_ID, VERSION]:
            raise _failed(path, "is none of this version of alir")  # noqa: TRY301
        db.execute("PRAGMA journal_mode = WAL")
        # Every token would wait for the disk otherwise. What was acknowledged survives a kill of
        # the process; a power cut may take the last runs, which are questions asked again.
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        db.close()
        raise
    return db


def _failed(path: Path, problem: str) -> ServiceFileFailed:
    return ServiceFileFailed(str(path), problem, lost="the runs in it are forgotten")
