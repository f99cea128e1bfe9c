"""A pool of processes that read documents."""

import asyncio
import os
import signal
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from alir.concurrency.per_process import PerProcess
from alir.documents.sandbox.limits import SandboxLimits
from alir.documents.sandbox.process import ParserDied, ParserProcess
from alir.errors import ParserUnavailable, UnreadableFile
from alir.models.reading import Cursor, Reading
from alir.ports import ReadDocument

PROCESSES = 2
"""While one has a bad file, another reads on. The second starts when the first is busy."""

T = TypeVar("T")


class ParserPool:
    """Reads documents in processes that are held to `limits`, from any event loop.

    A process is started when it is needed, and lives until the pool is closed or the program ends,
    however that ends. A forked child starts its own. A closed pool may be used again.
    """

    def __init__(self, limits: SandboxLimits | None = None, *, processes: int = PROCESSES) -> None:
        self._own = PerProcess(lambda: _Parsers(limits or SandboxLimits(), processes))

    async def run_job(self, job: Callable[[ReadDocument], T]) -> T:
        """Run `job` on a thread of the pool, with a function that reads documents in its process.

        Raises:
            ParserUnavailable: no process starts.
        """
        return await asyncio.wrap_future(self._own.in_this_process().submit(job))

    async def aclose(self) -> None:
        """Kill the processes; return when they are gone."""
        if (parsers := self._own.take()) is not None:
            await parsers.aclose()


class _Parsers:
    """The processes, and a thread that waits for each, so that nobody else's does."""

    def __init__(self, limits: SandboxLimits, processes: int) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="alir-parsing")
        self._lock = threading.Lock()
        self._idle: list[ParserProcess] = []
        self._all: set[ParserProcess] = set()
        self._is_closed = False
        self._closing = weakref.finalize(self, _close, self._all, os.getpid())

    def submit(self, job: Callable[[ReadDocument], T]) -> "Future[T]":
        return self._threads.submit(lambda: job(self._read))

    async def aclose(self) -> None:
        with self._lock:
            self._is_closed = True
            for process in self._all:
                process.kill()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        await asyncio.to_thread(self._closing)

    def _read(
        self, path: Path, at: Cursor | None, *, budget_chars: int, descriptor: int
    ) -> Reading:
        """Run `formats.read`; a document that ends its process or hits a limit is unreadable."""
        while True:
            process = self._take()
            has_read = process.has_read
            try:
                reading = process.read(path, at, budget_chars=budget_chars, descriptor=descriptor)
            except UnreadableFile:
                self._put_back(process)
                raise
            except ParserDied as death:
                self._drop(process)
                if self._is_closed:
                    raise RuntimeError("The parsers are closed.") from death
                too_slow = self._limits.too_slow(death.exit_code)
                # One that has read others may have died of those, or while it waited: ask again.
                if too_slow or not has_read:
                    raise UnreadableFile(path, too_slow or self._crash(death)) from death
            else:
                self._put_back(process)
                return reading

    def _take(self) -> ParserProcess:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("The parsers are closed.")
            if self._idle:
                return self._idle.pop()
            process = ParserProcess(self._limits)
            self._all.add(process)
        try:
            process.greeted()
        except ParserUnavailable as error:
            self._drop(process)
            if self._is_closed:
                raise RuntimeError("The parsers are closed.") from error
            raise
        return process

    def _put_back(self, process: ParserProcess) -> None:
        with self._lock:
            self._idle.append(process)

    def _drop(self, process: ParserProcess) -> None:
        process.close()
        with self._lock:
            self._all.discard(process)

    def _crash(self, death: ParserDied) -> str:
        how = death.last_words or f"exit code {death.exit_code}"
        if death.exit_code < 0 and not death.last_words:
            name = signal.strsignal(-death.exit_code) or "unknown"
            how = f"signal {-death.exit_code}, {name.lower()}"
        reason = f"crashed its parser ({how}); leave it out"
        # How C++ ends when it gets no memory.
        is_aborted = death.exit_code == -signal.SIGABRT
        return self._limits.perhaps_too_large(reason) if is_aborted else reason


def _close(processes: set[ParserProcess], owner: int) -> None:
    while processes and os.getpid() == owner:  # at the end of a forked child they are its parent's
        processes.pop().close()
