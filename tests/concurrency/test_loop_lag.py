"""How late the event loop is."""

import asyncio
from time import sleep

from alir.concurrency.loop_lag import LoopLag


async def test_a_loop_that_is_held_up_is_seen() -> None:
    lags: list[float] = []
    lag = LoopLag()
    lag.listeners.append(lags.append)
    async with lag.watch():
        await asyncio.sleep(0)
        sleep(0.3)
        while not lags:
            await asyncio.sleep(0.01)
    for _ in range(1000):
        lag.add_lag(-1.0)

    assert lags[0] > 0.15
    assert lag.worst_s == 0.0
