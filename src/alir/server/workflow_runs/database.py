"""The file of runs: a thread of its own, and one transaction for all who wait together."""

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
        with translate_errors(self.path, LOST):
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
    # NORMAL: every token would wait for the disk otherwise. What was acknowledged survives a kill
    # of the process; a power cut may take the last runs, which are questions asked again.
    pragmas = ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON")
    return open_sqlite(path, APPLICATION_ID, MIGRATIONS, pragmas=pragmas, lost=LOST)
