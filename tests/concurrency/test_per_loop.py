"""One of something for each event loop, and none for those that ended."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakSet

from alir.concurrency.coalescer import Coalescer
from alir.concurrency.per_loop import PerLoop


def test_each_loop_has_its_own_and_keeps_it() -> None:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    of_loop: PerLoop[object] = PerLoop(make)

    async def twice() -> bool:
        return of_loop.on_this_loop() is of_loop.on_this_loop()

    both: list[Callable[[], Awaitable[bool]]] = [twice, twice]

    assert [asyncio.run(work()) for work in both] == [True, True]
    assert len(made) == 2


def test_loops_that_ended_are_let_go_also_where_many_waited_on_them() -> None:
    async def double(_: str, items: Sequence[int]) -> list[int]:
        loops.add(asyncio.get_running_loop())
        return [2 * item for item in items]

    coalescers = PerLoop(lambda: Coalescer(double, max_items=1, max_callers=1))
    locks = PerLoop(asyncio.Lock)
    loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()

    async def contend(number: int) -> list[int]:
        async with locks.on_this_loop():
            await asyncio.sleep(0)
        return await coalescers.on_this_loop()("a", [number])

    async def everyone() -> list[list[int]]:
        return await asyncio.gather(*(contend(n) for n in range(3)))

    for _ in range(20):
        assert asyncio.run(everyone()) == [[0], [2], [4]]
    gc.collect()

    assert len(loops) <= 1  # the last one, until the next comes
