"""The times when calls wait for Milvus, and those who listen for them."""

import asyncio
from contextlib import suppress

from alir.milvus.client.outages import OutageMonitor
from alir.models.outage import Outage


class Clock:
    now = 10.0

    def __call__(self) -> float:
        return self.now


async def test_an_outage_ends_with_the_last_call_that_waits() -> None:
    clock = Clock()
    monitor = OutageMonitor(clock)
    paused: list[Outage] = []
    resumed: list[float] = []
    with monitor.listen(paused.append, resumed.append):
        with monitor.waiting():
            with monitor.waiting():
                monitor.announce("nothing answers", waits_s=60)
                monitor.announce("nothing answers still", waits_s=60)
            clock.now += 5
            await asyncio.sleep(0)
            assert resumed == []
        await asyncio.sleep(0)

    assert [(one.reason, one.waits_s) for one in paused] == [("nothing answers", 60)]
    assert resumed == [5.0]


async def test_a_wait_that_fails_ends_the_outage_without_a_return() -> None:
    monitor = OutageMonitor(Clock())
    resumed: list[float] = []
    with monitor.listen(lambda _: None, resumed.append):
        with suppress(ValueError), monitor.waiting():
            monitor.announce("nothing answers", waits_s=60)
            raise ValueError
        await asyncio.sleep(0)

    assert resumed == []


async def test_one_who_listens_no_more_hears_nothing() -> None:
    monitor = OutageMonitor(Clock())
    paused: list[Outage] = []
    with monitor.waiting():
        with monitor.listen(paused.append, lambda _: None):
            monitor.announce("nothing answers", waits_s=60)
        await asyncio.sleep(0)
        assert paused == [], "it was to be called after the listener had gone"
        with monitor.listen(paused.append, lambda _: None):
            await asyncio.sleep(0)

    assert len(paused) == 1, "an outage under way is announced to those who come later"
