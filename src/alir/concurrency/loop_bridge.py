"""Results of other threads, awaited on an event loop that is woken once for many of them."""

import asyncio
import concurrent.futures
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class LoopBridge:
    """Does what `asyncio.wrap_future` does, for many results at once.

    That wakes the event loop for each of them, by a call of the system; the thread which makes it
    gives Python's lock away, and waits 5 ms for it where the event loop is busy. It belongs to the
    event loop that first uses it; see `PerLoop` for more than one.
    """

    def __init__(self) -> None:
        self._came: deque[tuple[asyncio.Future[Any], concurrent.futures.Future[Any]]] = deque()
        self._is_woken = False

    def wrap_future(self, result: "concurrent.futures.Future[T]") -> "asyncio.Future[T]":
        """Return `result`, to be awaited; cancelling it cancels `result`."""
        loop = asyncio.get_running_loop()
        awaited: asyncio.Future[T] = loop.create_future()
        awaited.add_done_callback(partial(_give_up, result))
        result.add_done_callback(partial(self._put, loop, awaited))
        return awaited

    def _put(
        self,
        loop: asyncio.AbstractEventLoop,
        awaited: "asyncio.Future[T]",
        result: "concurrent.futures.Future[T]",
    ) -> None:
        """Hand over `result`, which is done; from any thread."""
        self._came.append((awaited, result))
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # it is closed: no caller waits there any more
                loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        self._is_woken = False  # first: what is put from now on wakes again
        while self._came:
            awaited, result = self._came.popleft()
            if awaited.done():
                continue
            if result.cancelled():
                awaited.cancel()
            elif (error := result.exception()) is not None:
                awaited.set_exception(error)
            else:
                awaited.set_result(result.result())


def _give_up(result: "concurrent.futures.Future[T]", awaited: "asyncio.Future[T]") -> None:
    if awaited.cancelled():
        result.cancel()
