"""Results of other threads, handed over to an event loop."""

import asyncio
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import pytest

from alir.concurrency.loop_bridge import LoopBridge


async def test_everybody_gets_their_own_result_or_error() -> None:
    bridge = LoopBridge()
    results: list[Future[int]] = [Future() for _ in range(4)]
    awaited = [bridge.wrap_future(one) for one in results]

    def work() -> None:
        results[2].set_result(2)
        results[1].set_exception(ValueError("one"))
        results[3].cancel()
        results[0].set_result(0)

    await asyncio.to_thread(work)
    found = await asyncio.gather(*awaited, return_exceptions=True)

    assert [found[0], found[2]] == [0, 2]
    assert isinstance(found[1], ValueError)
    assert isinstance(found[3], asyncio.CancelledError)


async def test_what_is_done_already_comes_too() -> None:
    done: Future[str] = Future()
    done.set_result("before")
    assert await LoopBridge().wrap_future(done) == "before"


async def test_who_gives_up_cancels_what_was_to_be_computed() -> None:
    result: Future[int] = Future()
    awaited = LoopBridge().wrap_future(result)
    awaited.cancel()
    with pytest.raises(asyncio.CancelledError):
        await awaited
    await asyncio.sleep(0)
    with pytest.raises(CancelledError):
        result.result(timeout=0)


async def test_what_comes_while_the_loop_is_busy_wakes_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    wake, woken = loop.call_soon_threadsafe, []

    def counted(*args: object) -> object:
        woken.append(args)
        return wake(*args)  # type: ignore[arg-type]

    bridge = LoopBridge()
    results: list[Future[int]] = [Future() for _ in range(100)]
    awaited = [bridge.wrap_future(one) for one in results]
    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    thread = threading.Thread(target=lambda: [one.set_result(1) for one in results])
    thread.start()
    thread.join()  # the loop cannot run meanwhile

    assert sum(await asyncio.gather(*awaited)) == 100
    assert len(woken) == 1


async def test_nothing_is_lost_where_threads_hand_over_at_any_moment() -> None:
    bridge = LoopBridge()

    async def ask(pool: ThreadPoolExecutor, number: int) -> int:
        return await bridge.wrap_future(pool.submit(lambda: number))

    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            asked = asyncio.gather(*(ask(pool, number) for number in range(200)))
            assert await asyncio.wait_for(asked, 30) == list(range(200))


def test_a_loop_that_ended_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    result: Future[int] = Future()

    async def begin() -> "asyncio.Future[int]":
        return LoopBridge().wrap_future(result)

    awaited = asyncio.run(begin())
    result.set_result(1)

    assert not awaited.done()
    assert caplog.messages == [], "where a future tells of a callback that failed"
