"""End the work of a thread when the task that waits for it is cancelled."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class ThreadStopped(Exception):
    """Nobody waits for the work any more. It ends the thread's work, and is seen by nobody."""


@contextmanager
def stopped_at_exit() -> Iterator[Callable[[], None]]:
    """Yield a function for a thread to call between two pieces of its work.

    It raises `ThreadStopped` once this context is left, as by a cancellation: asyncio leaves a
    thread running, and waits for it when the program ends.
    """
    is_left = threading.Event()

    def check() -> None:
        if is_left.is_set():
            raise ThreadStopped

    try:
        yield check
    finally:
        is_left.set()


async def to_stoppable_thread(work: Callable[..., T], *args: Any, **options: Any) -> T:
    """Run `work(..., check=check)` as `asyncio.to_thread` does, with a `check` that can stop it."""
    with stopped_at_exit() as check:
        return await asyncio.to_thread(work, *args, check=check, **options)
