"""What a `Recorder` makes of small real runs."""

import asyncio
from collections import Counter

import pytest
from workflows import Context, Workflow, catch_error, step
from workflows.events import (
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    InternalDispatchEvent,
    StartEvent,
    StepFailedEvent,
    StopEvent,
)
from workflows.retry_policy import retry_policy, stop_after_attempt, wait_fixed

from alir.visualize.recording import Execution, Recorder, record


class Part(Event):
    number: int = 0


class Half(Event):
    number: int = 0


class Counted(Event):
    number: int = 0


class Fan(Workflow):
    """Four parts over two workers, and in again."""

    @step
    async def split(self, ev: StartEvent) -> list[Part]:
        return [Part(number=number) for number in range(4)]

    @step(num_workers=2)
    async def count(self, ev: Part) -> Counted:
        await asyncio.sleep(0.01)
        return Counted(number=ev.number)

    @step
    async def join(self, ev: list[Counted]) -> StopEvent:
        return StopEvent(result=sorted(one.number for one in ev))


def endings(run: Execution, name: str) -> list[str]:
    return [one.ending for one in run.steps if one.step == name]


async def test_a_fan_out_is_counted_member_by_member() -> None:
    run = await record(Fan().run())
    tallies = run.tallies()

    assert run.ending == "done"
    assert {name: (one.runs, one.at_once) for name, one in tallies.items()} == {
        "split": (1, 1),
        "count": (4, 2),
        "join": (1, 1),
    }
    counted = [one for one in run.steps if one.step == "count"]
    assert Counter(one.worker for one in counted) == {"0": 2, "1": 2}
    assert {(one.takes, one.gives, one.ending) for one in counted} == {("Part", "Counted", "done")}
    assert [one.takes for one in run.steps if one.step == "join"] == ["list"]
    assert [one.gives for one in run.steps if one.step == "split"] == ["Part"]
    assert all(0 <= one.start_s <= one.end_s <= run.seconds for one in run.steps)
    assert tallies["count"].longest_s <= tallies["count"].total_s <= 2 * run.seconds


async def test_an_empty_list_is_no_error() -> None:
    class Empty(Fan):
        @step
        async def split(self, ev: StartEvent) -> list[Part]:
            return []

    run = await record(Empty().run())

    assert [(one.step, one.ending) for one in run.steps] == [("split", "done"), ("join", "done")]


async def test_a_retry_is_told_from_a_first_try() -> None:
    class Stubborn(Workflow):
        tries = 0

        @step(retry_policy=retry_policy(wait=wait_fixed(0), stop=stop_after_attempt(3)))
        async def attempt(self, ev: StartEvent) -> StopEvent:
            self.tries += 1
            if self.tries < 3:
                raise OSError("not yet")
            return StopEvent(result=self.tries)

    run = await record(Stubborn().run())
    tally = run.tallies()["attempt"]

    assert endings(run, "attempt") == ["raised", "raised", "done"]
    assert [one.is_retry for one in run.steps] == [False, True, True]
    assert (tally.runs, tally.errors, tally.retries, tally.at_once) == (3, 2, 2, 1)


async def test_retries_among_siblings_that_wait_for_a_worker_are_counted_right() -> None:
    class Shaky(Fan):
        failed = False

        @step(
            num_workers=2,
            retry_policy=retry_policy(wait=wait_fixed(0.03), stop=stop_after_attempt(2)),
        )
        async def count(self, ev: Part) -> Counted:
            if ev.number == 1 and not self.failed:
                self.failed = True
                raise OSError("once")
            await asyncio.sleep(0.01)
            return Counted(number=ev.number)

    run = await record(Shaky().run())
    tally = run.tallies()["count"]

    assert run.ending == "done"
    assert (tally.runs, tally.errors, tally.retries) == (5, 1, 1)


async def test_an_error_that_is_caught_is_no_retry() -> None:
    class Caught(Fan):
        @step(num_workers=1)
        async def count(self, ev: Part) -> Counted:
            if ev.number == 1:
                raise OSError("never")
            return Counted(number=ev.number)

        @catch_error(for_steps=["count"])
        async def excuse(self, ev: StepFailedEvent) -> Counted:
            return Counted(number=-1)

    run = await record(Caught().run())
    tallies = run.tallies()

    assert run.ending == "done"
    assert (tallies["count"].runs, tallies["count"].errors, tallies["count"].retries) == (4, 1, 0)
    assert tallies["excuse"].runs == 1


async def test_a_run_that_fails_says_where_and_why() -> None:
    class Failing(Fan):
        @step(num_workers=4)
        async def count(self, ev: Part) -> Counted:
            if ev.number == 1:
                raise OSError("the disk is full")
            await asyncio.sleep(60)
            return Counted(number=ev.number)

    run = await record(Failing().run())

    assert (run.ending, run.reason) == ("failed", "count: OSError: the disk is full")
    assert sorted(endings(run, "count")) == ["raised", "stopped", "stopped", "stopped"]
    assert all(one.end_s == run.seconds for one in run.steps if one.ending == "stopped")


async def test_a_run_that_is_cancelled_stops_what_runs() -> None:
    class Slow(Fan):
        @step(num_workers=2)
        async def count(self, ctx: Context, ev: Part) -> Counted:  # type: ignore[override]
            ctx.write_event_to_stream(Half(number=ev.number))
            await asyncio.sleep(60)
            return Counted(number=ev.number)

    handler = Slow().run()
    recorder = Recorder()
    async for event in recorder.stream(handler):
        if isinstance(event, Half) and event.number == 1:
            await handler.cancel_run()
    run = recorder.execution()

    assert (run.ending, run.reason) == ("cancelled", "")
    assert endings(run, "count") == ["stopped", "stopped"]


class Chosen(HumanResponseEvent):
    meaning: str = ""


class Asking(Workflow):
    @step
    async def doubt(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent()

    @step
    async def listen(self, ev: Chosen) -> StopEvent:
        return StopEvent(result=ev.meaning)


class AskingWithin(Workflow):
    @step
    async def doubt(self, ctx: Context, ev: StartEvent) -> StopEvent:
        chosen = await ctx.wait_for_event(Chosen, waiter_event=InputRequiredEvent())
        return StopEvent(result=chosen.meaning)


@pytest.mark.parametrize(
    ("workflow", "expected"),
    [(Asking, ["done", "done"]), (AskingWithin, ["waits", "done"])],
)
async def test_a_wait_for_a_person_is_neither_an_error_nor_a_step(
    workflow: type[Workflow], expected: list[str]
) -> None:
    handler = workflow().run()
    recorder = Recorder()
    waits = []
    async for event in recorder.stream(handler):
        if isinstance(event, InputRequiredEvent):
            waits = recorder.execution().waits
            handler.ctx.send_event(Chosen(meaning="this"))
    run = recorder.execution()

    assert await handler == "this"
    assert len(waits) == len(run.waits) == 1
    assert [one.ending for one in run.steps] == expected
    assert not any(one.is_retry for one in run.steps)


class Telling(Workflow):
    @step
    async def tell(self, ctx: Context, ev: StartEvent) -> StopEvent:
        for number in range(50):
            ctx.write_event_to_stream(Half(number=number))
        return StopEvent(result="said")


async def test_the_stream_is_what_it_is_without_a_recorder() -> None:
    plain = [event async for event in Telling().run().stream_events()]
    recorder = Recorder(lambda event: f"{event.number}" if isinstance(event, Half) else "")
    passed = [event async for event in recorder.stream(Telling().run())]

    assert [(type(one), one.model_dump()) for one in passed] == [
        (type(one), one.model_dump()) for one in plain
    ]
    assert not any(isinstance(one, InternalDispatchEvent) for one in passed)
    assert [one.text for one in recorder.execution().messages] == [str(n) for n in range(50)]


async def test_a_reader_that_takes_its_time_does_not_change_what_is_recorded() -> None:
    handler = Telling().run()
    recorder = Recorder()
    numbers = []
    async for event in recorder.stream(handler):
        if not numbers:
            await handler
            await asyncio.sleep(0)
            assert recorder.execution().ending == "done"
        numbers.append(type(event))

    assert numbers == [Half] * 50 + [StopEvent]


async def test_a_recording_that_is_broken_off_says_so() -> None:
    recorder = Recorder()
    stream = recorder.stream(Telling().run())
    async for _ in stream:
        break
    await stream.aclose()

    assert Recorder().execution().ending == "unfinished"
    assert Recorder().is_empty
    assert not recorder.is_empty


async def test_a_reader_that_is_cancelled_leaves_a_recording_to_be_read() -> None:
    handler = Asking().run()
    recorder = Recorder()
    asked = asyncio.Event()

    async def read() -> None:
        async for _ in recorder.stream(handler):
            asked.set()

    reading = asyncio.create_task(read())
    await asked.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await handler.cancel_run()
    run = recorder.execution()

    assert (run.ending, [one.step for one in run.steps]) == ("unfinished", ["doubt"])
    assert len(run.waits) == 1
