"""Clients that ask and that upload, under `bench load`."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from benchmarks.load.wire import Reply, Wire
from benchmarks.measure import WrongResult

ANSWER_S = 120.0
"""Longest wait for an answer."""
SLICE_CHARS, SLICES = 800, 16
"""Of the corpus, in one new text: so many chunks, more or less."""
LOOK_EVERY_S = 0.5


@dataclass
class QuestionOutcomes:
    """The outcomes of a load of questions."""

    offered: int = 0
    unsent: int = 0
    """Of those, because all askers were waiting for an answer."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Of the answers; 0 for none at all."""
    answered_s: list[float] = field(default_factory=list)
    """What answers took, from the moment the question was due."""
    refused_s: list[float] = field(default_factory=list)
    """The same for what was shed."""
    seconds: float = 0.0


async def closed_loop(
    url: str, questions: Iterator[str], *, askers: int, seconds: float
) -> QuestionOutcomes:
    """Let `askers` ask one question after the other for `seconds`."""
    asked = QuestionOutcomes()
    started = perf_counter()

    async def ask() -> None:
        async with Wire(url) as wire:
            while perf_counter() - started < seconds:
                asked.offered += 1
                await _asked(wire, next(questions), perf_counter(), asked)

    await asyncio.gather(*(ask() for _ in range(askers)))
    asked.seconds = perf_counter() - started
    return asked


async def open_loop(
    url: str, questions: Iterator[str], *, askers: int, per_s: float, seconds: float
) -> QuestionOutcomes:
    """Send questions at random times, `per_s` of them on average, whether answers come or not.

    One of the `askers` that waits for no answer sends it; if all wait, it is not sent.
    """
    asked = QuestionOutcomes()
    arrivals = random.Random(0)  # noqa: S311  the same for all
    async with AsyncExitStack() as stack:
        free = deque([await stack.enter_async_context(Wire(url)) for _ in range(askers)])
        asking: set[asyncio.Task[None]] = set()
        wrong: list[BaseException] = []

        async def ask(wire: Wire, due: float) -> None:
            try:
                await _asked(wire, next(questions), due, asked)
            finally:
                free.append(wire)

        def ended(task: asyncio.Task[None]) -> None:
            asking.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                wrong.append(error)

        started = due = perf_counter()
        while not wrong and (due := due + arrivals.expovariate(per_s)) < started + seconds:
            if (early_s := due - perf_counter()) > 0:
                await asyncio.sleep(early_s)
            elif not asked.offered % 16:
                await asyncio.sleep(0)  # late, but see the answers as they come
            asked.offered += 1
            if not free:
                asked.unsent += 1
                continue
            task = asyncio.create_task(ask(free.popleft(), due))
            asking.add(task)
            task.add_done_callback(ended)
        asked.seconds = perf_counter() - started
        await asyncio.gather(*asking, return_exceptions=True)
        if wrong:
            raise wrong[0]
    return asked


async def _asked(wire: Wire, question: str, due: float, asked: QuestionOutcomes) -> None:
    try:
        async with asyncio.timeout(ANSWER_S):
            reply = await wire.post("/v1/ask", {"question": question})
    except (OSError, EOFError, TimeoutError):
        asked.statuses[0] += 1
        return
    took_s = perf_counter() - due
    asked.statuses[reply.status] += 1
    if reply.status == 200:
        asked.answered_s.append(took_s)
        if not reply.json()["sources"]:
            raise WrongResult("an answer had no source")
    elif reply.status == 429:
        asked.refused_s.append(took_s)


@dataclass
class IngestionCounts:
    """What was ingested meanwhile."""

    texts: int = 0
    chunks: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    """Of uploads."""


async def ingest_on(
    url: str, texts: Iterator[str], ingested: IngestionCounts, *, is_alir: bool
) -> None:
    """Send text after text, each when the one before has been ingested; until cancelled.

    Raises:
        WrongResult: one was not ingested.
    """
    async with Wire(url) as wire:
        for number, text in enumerate(texts):
            if not is_alir:
                reply = await wire.post("/ingest", {"text": text})
                ingested.statuses[reply.status] += 1
                if reply.status == 200:
                    ingested.chunks += reply.json()["chunks"]
                    ingested.texts += 1
                continue
            reply = await wire.upload("/v1/files", f"more-{number:05}.txt", text)
            ingested.statuses[reply.status] += 1
            if reply.status != 202:
                await asyncio.sleep(float(reply.headers.get("retry-after", LOOK_EVERY_S)))
                continue
            ingestion = await _ended(wire, reply)
            if ingestion["state"] != "done" or ingestion["report"]["failed"]:
                raise WrongResult(
                    f"an ingestion ended as {ingestion['state']}: {ingestion['problem']}"
                )
            ingested.texts += 1
            ingested.chunks += ingestion["chunks_written"]


async def _ended(wire: Wire, reply: Reply) -> Any:
    where = reply.headers["location"]
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        ingestion = (await wire.get(where)).json()
        if ingestion["state"] in {"done", "failed", "cancelled"}:
            return ingestion


def new_texts(corpus: Sequence[str]) -> Iterator[str]:
    """Yield texts without end, made of slices of the corpus; no two are the same."""
    whole = "\n\n".join(corpus)
    chosen = random.Random(0)  # noqa: S311  the same for all
    number = 0
    while True:
        places = [chosen.randrange(max(1, len(whole) - SLICE_CHARS)) for _ in range(SLICES)]
        slices = [whole[at : at + SLICE_CHARS] for at in places]
        yield "\n\n".join([f"Part {number}.", *slices])
        number += 1


def distinct(questions: Sequence[str]) -> Callable[[], Iterator[str]]:
    """Return what yields questions without end: each round of them asks in other words."""

    def without_end() -> Iterator[str]:
        number = 0
        while True:
            for question in questions:
                yield question if not number else f"{question} ({number})"
            number += 1

    return without_end
