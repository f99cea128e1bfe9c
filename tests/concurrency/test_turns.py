"""Turns: one piece of work at a time, each in its turn; what is half done is not touched."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alir.concurrency import turns as module
from alir.concurrency.turns import RunTurn, Turns
from alir.errors import RunInProgress

A, B, ALL = Path("/root/a"), Path("/root/b"), Path("/root")


class Lock:
    """Notes who takes it; may be held by another process."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.is_elsewhere = False

    @asynccontextmanager
    async def take(self, what: str) -> AsyncIterator[None]:
        if self.is_elsewhere:
            raise RunInProgress("notes", what="alir ingest", pid=7, host="h", held_s=1)
        self.notes.append(f"take {what}")
        yield
        self.notes.append("release")


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Lock:
    monkeypatch.setattr(module, "TURN_S", 0.0)
    return Lock()


async def work(
    turns: Turns, name: str, path: Path, steps: int, order: list[str], *, half: Iterable[Path] = ()
) -> None:
    async with turns.take(name, [path]) as turn:
        for step in range(steps):
            order.append(f"{name}{step}")
            await asyncio.sleep(0)
            if turn.is_over:
                await turn.pass_on(half)


async def test_long_work_hands_its_turn_on_and_short_work_comes_between(lock: Lock) -> None:
    turns, order = Turns(lock.take), list[str]()

    await asyncio.gather(
        work(turns, "a", A, 4, order), work(turns, "b", B, 2, order), work(turns, "c", B, 1, order)
    )

    assert order == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]
    assert lock.notes == ["take a", "release"]


async def test_work_that_nobody_waits_for_is_not_interrupted(lock: Lock) -> None:
    turns, order = Turns(lock.take), list[str]()

    await work(turns, "a", A, 3, order)
    await work(turns, "b", A, 1, order)

    assert order == ["a0", "a1", "a2", "b0"]
    assert lock.notes == ["take a", "release", "take b", "release"]


async def test_what_would_touch_a_file_that_is_half_written_waits_for_it(lock: Lock) -> None:
    turns, order = Turns(lock.take), list[str]()

    await asyncio.gather(
        work(turns, "a", A, 3, order, half=[A / "x.txt"]),
        work(turns, "all", ALL, 1, order),
        work(turns, "x", A / "x.txt", 1, order),
        work(turns, "y", A / "y.txt", 1, order),
    )

    assert order == ["a0", "y0", "a1", "a2", "all0", "x0"]


async def test_short_work_goes_before_what_waits(lock: Lock) -> None:
    turns, order = Turns(lock.take), list[str]()

    async def two_steps() -> None:
        async with turns.take("a", [A]):
            order.append("a0")
            await asyncio.sleep(0)
        async with turns.take("end", [A], is_short=True):
            order.append("end")

    await asyncio.gather(two_steps(), work(turns, "b", B, 1, order))

    assert order == ["a0", "end", "b0"]


async def test_work_that_is_cancelled_leaves_its_turn_to_others(lock: Lock) -> None:
    turns, order = Turns(lock.take), list[str]()
    began = asyncio.Event()

    async def forever() -> None:
        async with turns.take("forever", [A]):
            began.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(forever())
    await began.wait()
    waiting = asyncio.create_task(work(turns, "never", A, 1, order))
    last = asyncio.create_task(work(turns, "last", A, 1, order))
    await asyncio.sleep(0)
    for task in (waiting, running):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await last

    assert order == ["last0"]
    assert lock.notes[-1] == "release"


async def test_cancelled_in_its_pause_it_keeps_nobody_off(lock: Lock) -> None:
    turns, order = Turns(lock.take), list[str]()
    paused, go_on = asyncio.Event(), asyncio.Event()

    async def pausing() -> None:
        async with turns.take("pausing", [A]) as turn:
            paused.set()
            await asyncio.sleep(0.01)
            await turn.pass_on([A / "x.txt"])

    async def other() -> None:
        async with turns.take("other", [B]):
            await go_on.wait()

    first = asyncio.create_task(pausing())
    second = asyncio.create_task(other())
    await paused.wait()
    third = asyncio.create_task(work(turns, "x", A / "x.txt", 1, order))
    await asyncio.sleep(0.05)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    go_on.set()
    await asyncio.gather(second, third)

    assert order == ["x0"]
    assert lock.notes == ["take pausing", "release", "take x", "release"]


async def test_what_another_process_holds_is_refused_and_free_again_later(lock: Lock) -> None:
    turns, order = Turns(lock.take), list[str]()
    lock.is_elsewhere = True
    with pytest.raises(RunInProgress):
        await work(turns, "a", A, 1, order)
    lock.is_elsewhere = False
    await work(turns, "b", B, 1, order)

    assert order == ["b0"]


async def test_who_waits_is_told_and_told_when_it_goes_on(lock: Lock) -> None:
    turns, told = Turns(lock.take), list[bool]()

    async def first() -> None:
        async with turns.take("first", [A]):
            await asyncio.sleep(0)

    async def second() -> RunTurn:
        async with turns.take("second", [A], waits=told.append) as turn:
            return turn

    await asyncio.gather(first(), second())

    assert told == [True, False]
