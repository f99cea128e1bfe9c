"""A thread ends when nobody waits for its work any more."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from alir.concurrency.thread_stop import ThreadStopped, stopped_at_exit, to_stoppable_thread


def test_the_check_raises_once_the_context_is_left() -> None:
    with stopped_at_exit() as check:
        check()

    with pytest.raises(ThreadStopped):
        check()


async def test_a_cancelled_task_ends_its_thread() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(word: str, *, check: Callable[[], None]) -> None:
        assert word == "on"
        begun.set()
        try:
            while True:
                check()
        finally:
            ended.set()

    task = asyncio.create_task(to_stoppable_thread(work, "on"))
    await asyncio.to_thread(begun.wait)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 10)


async def test_a_result_is_returned() -> None:
    assert await to_stoppable_thread(lambda check: "done") == "done"
