"""The event loop of every Milvus client of the process.

`AsyncMilvusClient` belongs to the event loop that first used it. All clients of a process
therefore live on one loop of their own, on a daemon thread: a caller's loop is never blocked by
serialization, and a script may call `asyncio.run` as often as it likes.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

BEGINS_WITHIN_S = 0.002
"""How long a caller waits at most for the client's thread to send its request."""
SENT_AFTER_TURNS = 2
"""Turns of the client's loop from a call's begin until gRPC has its request."""


class ClientLoop:
    """The event loop, on its own thread, that owns every Milvus client of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name="alir-milvus", daemon=True
                ).start()
            return self._loop

    def begin(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Begin `work` from another thread, and wait until its request is sent.

        A caller that goes on computing would keep Python's lock: for each call of the system the
        client's thread gives it away, and gets it back only after 5 ms, five times in a request.
        """
        loop = self.get()
        begun = asyncio.run_coroutine_threadsafe(_waited_for(work), loop)
        sent = threading.Event()

        def turn(left: int) -> None:
            if left:
                loop.call_soon(turn, left - 1)
            else:
                sent.set()

        loop.call_soon_threadsafe(turn, SENT_AFTER_TURNS)
        sent.wait(BEGINS_WITHIN_S)
        return begun


CLIENT_LOOP = ClientLoop()


async def _waited_for(work: Coroutine[Any, Any, T]) -> T:
    """Do `work`; report a failure after a cancellation as that: no caller awaits it any more."""
    try:
        return await work
    except Exception as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise
