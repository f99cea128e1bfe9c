"""When a failed call is made again: with a clock and a sleep of the test's own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise

import pytest

from alir.errors import AlirError, DependencyError, MilvusFailed, MilvusTimeout, MilvusUnavailable
from alir.milvus.client.retries import FIRST_DELAY_S, LONGEST_DELAY_S, Retrier, always
from alir.models.outage import Outage

URI = "http://localhost:19530"
GONE = MilvusUnavailable(URI)


class Time:
    """A clock that stands still but in `sleep`, which notes how long and takes no time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.delays: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Calls:
    """A call that raises what it was given, one after the other, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.count = 0
        self._errors: Iterator[Exception] = iter(errors)

    async def __call__(self) -> str:
        self.count += 1
        for error in self._errors:
            raise error
        return "answer"


@pytest.fixture
def time() -> Time:
    return Time()


def make(time: Time, outage_s: float = 100.0) -> Retrier:
    return Retrier(outage_s=outage_s, sleep=time.sleep, clock=time.clock)


async def run(
    retries: Retrier,
    call: Callable[[], Awaitable[object]],
    *,
    waits: bool = False,
    repeatable: Callable[[], bool] = always,
) -> object:
    """Make a call as `MilvusConnection.begin_attempts` does."""
    try:
        result = await call()
    except AlirError as error:
        return await retries.repeat(call, error, waits=waits, repeatable=repeatable)
    retries.has_answered = True
    return result


async def answered(retries: Retrier) -> Retrier:
    """As after a first call that Milvus answered."""
    await run(retries, Calls())
    return retries


async def test_a_call_that_succeeds_is_made_once(time: Time) -> None:
    call = Calls()
    assert await run(make(time), call, waits=True) == "answer"
    assert (call.count, time.delays) == (1, [])


@pytest.mark.parametrize("waits", [True, False])
async def test_an_error_that_cannot_pass_is_raised_at_once(time: Time, waits: bool) -> None:
    refused = MilvusFailed(URI, "insert", "no such field", retryable=False)
    for error in (refused, ValueError("a defect of ours")):
        call = Calls(error)
        with pytest.raises(type(error)):
            await run(await answered(make(time)), call, waits=waits)
        assert (call.count, time.delays) == (1, [])


async def test_an_error_that_turns_into_one_that_cannot_pass_ends_the_wait(time: Time) -> None:
    call = Calls(GONE, GONE, MilvusFailed(URI, "query", "no such collection", retryable=False))
    with pytest.raises(MilvusFailed, match="no such collection"):
        await run(await answered(make(time)), call, waits=True)
    assert call.count == 3


async def test_delays_are_random_below_a_bound_that_doubles_up_to_the_cap(time: Time) -> None:
    runs = []
    for _ in range(200):
        time.delays.clear()
        retries = await answered(make(time, outage_s=1e9))
        await run(retries, Calls(*[GONE] * 12), waits=True)
        runs.append(list(time.delays))
    longest = [max(delays) for delays in zip(*runs, strict=True)]
    bounds = [min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**n) for n in range(12)]
    assert all(
        0 <= delay <= bound for run in runs for delay, bound in zip(run, bounds, strict=True)
    )
    assert all(seen > 0.8 * bound for seen, bound in zip(longest, bounds, strict=True))
    assert min(run[-1] for run in runs) < 0.2 * LONGEST_DELAY_S, "full jitter: also short ones"
    assert all(before < after for before, after in pairwise(longest[:5]))


async def test_waiting_ends_after_the_set_time_with_the_last_error(time: Time) -> None:
    retries = await answered(make(time, outage_s=60))
    with pytest.raises(MilvusTimeout):
        await run(retries, Calls(*[GONE] * 5, *[MilvusTimeout(URI, 10)] * 1000), waits=True)
    assert 60 <= sum(time.delays) < 60 + LONGEST_DELAY_S


async def test_a_question_is_repeated_twice_and_never_waits(time: Time) -> None:
    call = Calls(*[GONE] * 100)
    with pytest.raises(MilvusUnavailable):
        await run(await answered(make(time)), call)
    assert call.count == 3
    assert sum(time.delays) <= 0.3


async def test_a_question_that_timed_out_has_waited_enough(time: Time) -> None:
    call = Calls(*[MilvusTimeout(URI, 10)] * 100)
    with pytest.raises(MilvusTimeout):
        await run(await answered(make(time)), call)
    assert (call.count, time.delays) == (1, [])


@pytest.mark.parametrize(("outage_s", "answers"), [(0, True), (100, False)])
async def test_nothing_waits_when_that_is_off_nor_for_a_milvus_that_never_answered(
    time: Time, outage_s: float, answers: bool
) -> None:
    retries = make(time, outage_s)
    if answers:
        await answered(retries)
    call = Calls(*[GONE] * 100)
    with pytest.raises(MilvusUnavailable):
        await run(retries, call, waits=True)
    assert call.count == 3


async def test_what_may_have_reached_milvus_is_not_repeated_if_that_would_double_it(
    time: Time,
) -> None:
    sent = False

    async def insert() -> None:
        nonlocal sent
        if len(time.delays) < 2:
            raise GONE  # before it was sent
        sent = True
        raise MilvusUnavailable(URI)  # the acknowledgement got lost

    with pytest.raises(MilvusUnavailable):
        await run(await answered(make(time)), insert, waits=True, repeatable=lambda: not sent)
    assert (len(time.delays), sent) == (2, True)


class Heard:
    """What a listener was told."""

    def __init__(self) -> None:
        self.paused: list[Outage] = []
        self.resumed: list[float] = []


async def hearing(retries: Retrier, work: Callable[[], Awaitable[object]]) -> Heard:
    heard = Heard()
    with retries.outages.listen(heard.paused.append, heard.resumed.append):
        await work()
        await asyncio.sleep(0)
    return heard


async def test_an_outage_is_told_once_and_so_is_its_end(time: Time) -> None:
    retries = await answered(make(time))

    async def calls() -> None:
        waiting = (run(retries, Calls(*[GONE] * n), waits=True) for n in (3, 5, 9))
        await asyncio.gather(*waiting)

    heard = await hearing(retries, calls)
    [outage], [after_s] = heard.paused, heard.resumed
    assert (outage.reason, outage.waits_s) == (str(GONE), 100)
    assert 0 < after_s <= sum(time.delays) + 1e-6


async def test_a_hiccup_is_not_news_and_giving_up_is_no_return(time: Time) -> None:
    retries = await answered(make(time))
    heard = await hearing(retries, lambda: run(retries, Calls(GONE), waits=True))
    assert (heard.paused, heard.resumed) == ([], [])

    async def give_up() -> None:
        with pytest.raises(DependencyError):
            await run(retries, Calls(*[GONE] * 10_000), waits=True)

    heard = await hearing(retries, give_up)
    assert (len(heard.paused), heard.resumed) == (1, [])


async def test_who_begins_to_listen_during_an_outage_is_told_of_it() -> None:
    retries = await answered(Retrier(outage_s=1000))
    waiting = asyncio.create_task(run(retries, Calls(*[GONE] * 10_000), waits=True))
    heard = Heard()
    while not heard.paused:
        with retries.outages.listen(heard.paused.append, heard.resumed.append):
            await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_hurrying_ends_a_wait_and_also_a_call_that_hangs() -> None:
    async def hang() -> None:
        if first:
            raise first.pop()
        hanging.set()
        await asyncio.Event().wait()

    first, hanging = [GONE], asyncio.Event()
    retries = await answered(Retrier(outage_s=1000))
    hung = asyncio.create_task(run(retries, hang, waits=True))
    asleep = asyncio.create_task(run(retries, Calls(*[GONE] * 10_000), waits=True))
    await hanging.wait()
    retries.stop_waiting()
    for waiting in (hung, asleep):
        with pytest.raises(MilvusUnavailable):
            await waiting
    call = Calls(*[GONE] * 100)
    with pytest.raises(MilvusUnavailable):
        await run(retries, call, waits=True)
    assert call.count == 3, "and nothing waits from then on"


async def test_each_attempt_that_failed_is_counted_by_its_kind(time: Time) -> None:
    refused = MilvusFailed(URI, "insert", "no", retryable=False)
    retries = make(time)
    await run(retries, Calls(GONE, GONE))
    with pytest.raises(MilvusFailed):
        await run(retries, Calls(refused))

    assert retries.failures == {"MilvusUnavailable": 2, "MilvusFailed": 1}
