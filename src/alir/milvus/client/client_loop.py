"""The event loop of every Milvus client of the process, and its rest while the process is forked.

`AsyncMilvusClient` belongs to the event loop that first used it. All clients of a process
therefore live on one loop of their own, on a daemon thread: a caller's loop is never blocked by
serialization, and a script may call `asyncio.run` as often as it likes.

gRPC works in a forked child only if its parent had no open channel. So before a fork the idle
clients are closed, and the loop stops until the fork is done; the next call opens them again.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

from alir.concurrency.per_process import PerProcess

T = TypeVar("T")

BEGINS_WITHIN_S = 0.002
"""How long a caller waits at most for the client's thread to send its request."""
SENT_AFTER_TURNS = 2
"""Turns of the client's loop from a call's begin until gRPC has its request."""
ENDS_WITHIN_S = 0.2
"""How long a fork waits for gRPC's own thread to end after the last channel."""
RESTS_WITHIN_S = 2.0
"""How long a fork waits at most for the calls under way."""


class OpenClient(Protocol):
    """A client with an open channel, or one that is opening it."""

    async def rest(self) -> None:
        """Wait for the calls under way, and close the channel; the next call opens it again."""
        ...

    def abandon(self) -> None:
        """Keep, in a forked child, what the parent still uses, and never touch it."""
        ...


class ClientLoop:
    """The event loop, on its own thread, that owns every Milvus client of the process."""

    def __init__(self) -> None:
        self.open: WeakSet[OpenClient] = WeakSet()
        """The clients that must be closed before a fork; the loop's own."""
        self.is_resting = False
        """Whether calls that begin now wait for a fork."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_forked = threading.Event()

    def get(self) -> asyncio.AbstractEventLoop:
        """Return the loop, which runs."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="alir-milvus", daemon=True
                )
                self._thread.start()
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

    def rest(self) -> None:
        """Close the idle clients and stop the loop, until `wake`; from the thread that forks."""
        if self._loop is None or self._thread is threading.current_thread():
            return
        self._is_forked = threading.Event()
        is_at_rest = threading.Event()
        asyncio.run_coroutine_threadsafe(self._rest(is_at_rest, self._is_forked), self._loop)
        is_at_rest.wait(2 * RESTS_WITHIN_S)

    def wake(self) -> None:
        """Let the loop go on after a fork."""
        self._is_forked.set()

    async def _rest(self, is_at_rest: threading.Event, is_forked: threading.Event) -> None:
        self.is_resting = True
        with suppress(TimeoutError):
            async with asyncio.timeout(RESTS_WITHIN_S):
                while self.open:
                    each = [client.rest() for client in list(self.open)]
                    await asyncio.gather(*each, return_exceptions=True)
        # Nothing is awaited from here on: a call that came meanwhile would open its client again.
        self.is_resting = False
        is_at_rest.set()
        is_forked.wait(2 * RESTS_WITHIN_S)


CLIENT_LOOP: PerProcess[ClientLoop] = PerProcess(ClientLoop)


class _Fork:
    """The fork under way, and what the last one left this process with."""

    under_way = threading.Lock()
    resting: ClientLoop | None = None
    is_in_use = False
    parent_in_use = 0


def parent_in_use() -> int:
    """Return the process that had a channel open as this one was forked off it; 0 for none.

    gRPC does not work in this process then.
    """
    return _Fork.parent_in_use


def _before_fork() -> None:
    _Fork.under_way.acquire()
    _Fork.resting = CLIENT_LOOP.in_this_process()
    _Fork.resting.rest()
    _Fork.is_in_use = _grpc_is_in_use()


def _grpc_is_in_use() -> bool:
    """Return whether there is a channel still, maybe of another library: gRPC polls for it."""
    pollers = [one for one in threading.enumerate() if "_poll_wrapper" in one.name]
    for one in pollers:
        one.join(ENDS_WITHIN_S)
    return any(one.is_alive() for one in pollers)


def _after_in_parent() -> None:
    if _Fork.resting is not None:
        _Fork.resting.wake()
    _Fork.under_way.release()


def _after_in_child() -> None:
    if _Fork.resting is not None:
        for client in list(_Fork.resting.open):
            client.abandon()
    if _Fork.is_in_use:
        _Fork.parent_in_use = os.getppid()
    _Fork.under_way.release()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )


async def _waited_for(work: Coroutine[Any, Any, T]) -> T:
    """Do `work`; report a failure after a cancellation as that: no caller awaits it any more."""
    try:
        return await work
    except Exception as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise
