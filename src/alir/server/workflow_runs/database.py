"""The SQLite file of runs: its own thread, and one transaction for all waiting calls."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from alir.concurrency.coalescer import Coalescer
from alir.server.workflow_runs.rows import APPLICATION_ID, MIGRATIONS
from alir.storage.sqlite_file import open_sqlite, translate_errors

T = TypeVar("T")
P = ParamSpec("P")
_Work = Callable[[sqlite3.Connection], Any]

MAX_BATCH = 256
"""Reads and writes in one transaction."""
LOST = "the runs in it are forgotten"


class RunDatabase:
    """Opens the file at first use."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alir-runs")
        self._connection: sqlite3.Connection | None = None
        self._coalescer: Coalescer[str, _Work, Any] = Coalescer(self._call, max_items=MAX_BATCH)

    async def transact(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return `work(connection, ...)`, committed; calls run in order.

        Raises:
            ServiceFileFailed: The file cannot be read or written, or is not of this version.
        """
        [done] = await self._coalescer("", [partial(_called, work, args, kwargs)])
        if isinstance(done, Exception):
            raise done
        result: T = done
        return result

    async def aclose(self) -> None:
        """Close the file after the calls so far."""
        await self._coalescer.drain()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    async def _call(self, _: str, works: Sequence[_Work]) -> Sequence[Any]:
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._transaction, works
        )

    def _transaction(self, works: Sequence[_Work]) -> list[Any]:
        """Return the result or the error of each call; an error of the file is raised for all."""
        with translate_errors(self.path, LOST):
            if self._connection is None:
                self._connection = _connected(self.path)
            db = self._connection
            db.execute("BEGIN IMMEDIATE")
            try:
                results = [_call_in_savepoint(db, work) for work in works]
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise
        return results

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _called(
    work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any], db: sqlite3.Connection
) -> T:
    return work(db, *args, **kwargs)


def _call_in_savepoint(db: sqlite3.Connection, work: _Work) -> Any:
    db.execute("SAVEPOINT one")
    try:
        result = work(db)
    except sqlite3.Error:
        raise  # an error of the file concerns all calls
    except Exception as error:  # noqa: BLE001  its caller gets it
        db.execute("ROLLBACK TO one")
        result = error
    db.execute("RELEASE one")
    return result


def _connected(path: Path) -> sqlite3.Connection:
    # NORMAL: otherwise every token would wait for the disk. Commits survive a kill of the process;
    # a power cut may lose the last runs, which are questions that can be asked again.
    pragmas = ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON")
    return open_sqlite(path, APPLICATION_ID, MIGRATIONS, pragmas=pragmas, lost=LOST)
