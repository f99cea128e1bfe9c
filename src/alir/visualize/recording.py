"""A recording of a workflow's run: each execution of a step, and the messages on the way.

It is read off the run's own events. They carry no time, so each gets one as it leaves the engine,
whatever the reader of the stream does meanwhile. What the engine does not say is inferred: a step
that ends with no output has raised, or waits if a request for input comes right behind it; the
same step starting again with the same kind of event after it raised is a retry, unless a
`catch_error` step takes the error over.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from statistics import median
from time import perf_counter
from typing import Literal, TypeAlias

from workflows.events import (
    Event,
    InputRequiredEvent,
    InternalDispatchEvent,
    StepState,
    StepStateChanged,
    StopEvent,
    WorkflowCancelledEvent,
    WorkflowFailedEvent,
    WorkflowTimedOutEvent,
)
from workflows.handler import WorkflowHandler

StepEnding: TypeAlias = Literal["done", "raised", "waits", "stopped"]
"""`stopped`: the run ended while the step still ran."""
RunEnding: TypeAlias = Literal["done", "failed", "cancelled", "timed out", "unfinished"]

_RELEASE = "CollectionReleaseEvent"
_CAUGHT = "StepFailedEvent"


@dataclass(frozen=True)
class StepRun:
    """One execution of a step; times are seconds since the run began."""

    step: str
    worker: str
    start_s: float
    end_s: float
    takes: str
    """The name of the event; `list` for the events of a fan-in."""
    gives: str | None
    """The last of them for a fan-out; None if it gave none."""
    ending: StepEnding
    is_retry: bool = False

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True)
class StepSummary:
    """All executions of one step."""

    runs: int
    at_once: int
    """How many there were at the same time, at most."""
    total_s: float
    median_s: float
    longest_s: float
    errors: int
    retries: int


@dataclass(frozen=True)
class RunMessage:
    """A message to the user during the run."""

    at_s: float
    text: str


@dataclass(frozen=True)
class Execution:
    """A run of a workflow as it was recorded."""

    seconds: float
    ending: RunEnding
    reason: str
    """Why it failed or stopped; empty otherwise."""
    steps: list[StepRun]
    """In the order in which they began."""
    messages: list[RunMessage]
    waits: list[tuple[float, float]]
    """From when to when it waited for a person."""

    def tallies(self) -> dict[str, StepSummary]:
        """Return the summary of each step, in the order of their first executions."""
        names = dict.fromkeys(run.step for run in self.steps)
        return {name: _tally([run for run in self.steps if run.step == name]) for name in names}


def _tally(runs: list[StepRun]) -> StepSummary:
    seconds = [run.seconds for run in runs]
    # At the same instant an end counts before a start: a worker that is free is used again.
    ends = [(run.end_s, -1) for run in runs]
    changes = sorted([(run.start_s, 1) for run in runs] + ends)
    now = at_once = 0
    for _, change in changes:
        now += change
        at_once = max(at_once, now)
    return StepSummary(
        runs=len(runs),
        at_once=at_once,
        total_s=sum(seconds),
        median_s=median(seconds),
        longest_s=max(seconds),
        errors=sum(run.ending == "raised" for run in runs),
        retries=sum(run.is_retry for run in runs),
    )


@dataclass
class Recorder:
    """Notes what a run does while its events pass; one for each run.

    `describe` returns the message for a streamed event, or "" for none.
    """

    describe: Callable[[Event], str] = lambda _event: ""
    clock: Callable[[], float] = perf_counter
    _began: float | None = None
    _now: float = 0.0
    _runs: list[StepRun] = field(default_factory=list)
    _open: dict[tuple[str, str], int] = field(default_factory=dict)
    _messages: list[RunMessage] = field(default_factory=list)
    _waits: list[tuple[float, float]] = field(default_factory=list)
    _waiting_since: float | None = None
    _failed: list[int] = field(default_factory=list)
    """The executions that raised and were neither tried again nor taken over."""
    _retried: list[int] = field(default_factory=list)
    _just_raised: int | None = None
    _ending: RunEnding = "unfinished"
    _reason: str = ""

    @property
    def is_empty(self) -> bool:
        return not self._runs

    async def stream(self, run: WorkflowHandler) -> AsyncGenerator[Event, None]:
        """Yield what a run streams, as `stream_events` does, and record it.

        Events are taken from the engine at once and kept until they are asked for, so that a slow
        reader does not change the times.
        """
        passing: asyncio.Queue[Event | None] = asyncio.Queue()
        taking = asyncio.create_task(self._take(run, passing))
        try:
            while (event := await passing.get()) is not None:
                yield event
            await taking
        finally:
            taking.cancel()

    async def _take(self, run: WorkflowHandler, passing: "asyncio.Queue[Event | None]") -> None:
        try:
            async for event in run.stream_events(expose_internal=True):
                self.note(event)
                if not _is_internal(event):
                    passing.put_nowait(event)
        finally:
            passing.put_nowait(None)

    def note(self, event: Event) -> None:
        """Record one event, as happening now."""
        now = self.clock()
        self._began = now if self._began is None else self._began
        self._now = now - self._began
        raised, self._just_raised = self._just_raised, None
        if isinstance(event, StepStateChanged):
            if event.step_state is StepState.RUNNING:
                self._start(event)
            elif event.step_state is StepState.NOT_RUNNING:
                self._end(event)
        elif isinstance(event, InputRequiredEvent):
            self._waiting_since = self._now
            if raised is not None:
                self._runs[raised] = replace(self._runs[raised], ending="waits")
                self._failed.remove(raised)
        elif isinstance(event, StopEvent):
            self._ending, self._reason = _ended(event)
        if not _is_internal(event) and (text := self.describe(event)):
            self._messages.append(RunMessage(self._now, text))

    def execution(self) -> Execution:
        """Return the recording so far; a step that still runs counts as stopped now."""
        waits = [*self._waits]
        if self._waiting_since is not None:
            waits.append((self._waiting_since, self._now))
        still = set(self._open.values())
        return Execution(
            seconds=self._now,
            ending=self._ending,
            reason=self._reason,
            steps=[
                replace(run, end_s=self._now, ending="stopped") if at in still else run
                for at, run in enumerate(self._runs)
            ],
            messages=[*self._messages],
            waits=waits,
        )

    def _start(self, event: StepStateChanged) -> None:
        takes = "list" if event.input_event_name == _RELEASE else event.input_event_name
        at = len(self._runs)
        failed = next((i for i in self._failed if self._is_again(i, event.name, takes)), None)
        if takes == _CAUGHT:
            self._take_over()
        elif failed is not None:
            self._failed.remove(failed)
            self._retried.append(at)
        if self._waiting_since is not None:
            self._waits.append((self._waiting_since, self._now))
            self._waiting_since = None
        self._open[event.name, event.worker_id] = at
        self._runs.append(
            StepRun(
                step=event.name,
                worker=event.worker_id,
                start_s=self._now,
                end_s=self._now,
                takes=takes,
                gives=None,
                ending="stopped",
                is_retry=failed is not None and takes != _CAUGHT,
            )
        )

    def _is_again(self, before: int, step: str, takes: str) -> bool:
        return (self._runs[before].step, self._runs[before].takes) == (step, takes)

    def _take_over(self) -> None:
        """Note that a `catch_error` step has taken the last error, so that no retry follows."""
        if self._failed:
            self._failed.pop(0)
        elif self._retried:
            # What looked like a retry was a sibling that took the worker.
            at = self._retried.pop()
            self._runs[at] = replace(self._runs[at], is_retry=False)

    def _end(self, event: StepStateChanged) -> None:
        at = self._open.pop((event.name, event.worker_id), None)
        if at is None:  # the recording began in the middle of the run
            return
        gives = class_name(event.output_event_name)
        ending: StepEnding = "raised" if gives is None else "done"
        self._runs[at] = replace(
            self._runs[at],
            end_s=self._now,
            gives=None if gives == "NoneType" else gives,
            ending=ending,
        )
        if ending == "raised":
            self._failed.append(at)
            self._just_raised = at


async def record(
    run: WorkflowHandler, describe: Callable[[Event], str] = lambda _: ""
) -> Execution:
    """Wait for a run to end, however it ends, and return what it did."""
    recorder = Recorder(describe)
    async for _ in recorder.stream(run):
        pass
    with suppress(Exception):  # the execution has the failure and its reason
        await run
    return recorder.execution()


def _is_internal(event: Event) -> bool:
    return isinstance(event, InternalDispatchEvent)


def class_name(written: str | None) -> str | None:
    """The name of a class that the engine writes as `<class 'module.Name'>`."""
    return (
        None if written is None else written.removesuffix("'>").replace("'", ".").rpartition(".")[2]
    )


def _ended(event: StopEvent) -> tuple[RunEnding, str]:
    match event:
        case WorkflowFailedEvent(step_name=step, exception=error):
            return "failed", f"{step}: {type(error).__name__}: {error}"
        case WorkflowCancelledEvent():
            return "cancelled", ""
        case WorkflowTimedOutEvent(timeout=timeout, active_steps=steps):
            return "timed out", f"after {timeout:g} s, in {', '.join(steps)}"
        case _:
            return "done", ""
