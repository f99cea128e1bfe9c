"""Questions one after the other, at rest and while an ingestion runs in the same app."""

import asyncio
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

from alir.app.application import Alir
from alir.evaluation.report.progress import Progress
from alir.events.ingest import Ingest, IngestProgress
from benchmarks.ask.askers import Asker
from benchmarks.corpus import sized
from benchmarks.measure import WrongResult, interleaved, percentiles_ms

ASKED = 200
"""Questions of one run: the second in which an ingestion begins is one of many."""
AT_LEAST = 3
"""Questions that must be answered while the ingestion runs."""
BUSY_S = 60.0
"""Longest that more than `AT_LEAST` of them are asked."""
BUSY_CHUNKS = 4000
"""More than is ingested while `ASKED` questions are answered."""


async def rest_and_busy(
    app: Alir,
    ask: Asker,
    questions: Sequence[str],
    *,
    sources: Sequence[Path],
    folder: Path,
    repeats: int,
    progress: Progress,
) -> dict[str, list[dict[str, float]]]:
    """Ask lone questions in turns `rest` and `busy`; return how many, and percentiles.

    What is ingested meanwhile is text of `sources`, written to `folder`.
    """
    made = count()

    async def busy() -> dict[str, float]:
        new = folder / f"more-{next(made)}"
        new.mkdir()
        sized(sources, BUSY_CHUNKS, new, app.shard.node_parser)
        return _reported(await lone_while_ingesting(app, ask, questions, new))

    async def rest() -> dict[str, float]:
        return _reported(await lone(ask, questions))

    return await interleaved({"rest": rest, "busy": busy}, repeats, progress)


async def lone(ask: Asker, questions: Sequence[str]) -> list[float]:
    """Ask one question after the other; return the seconds of each."""
    seconds = []
    for question in questions:
        started = perf_counter()
        await ask(question)
        seconds.append(perf_counter() - started)
    return seconds


async def lone_while_ingesting(
    app: Alir, ask: Asker, questions: Sequence[str], folder: Path
) -> list[float]:
    """Do the same while `folder` is ingested; the ingestion is stopped at the end.

    Raises:
        WrongResult: the ingestion was over before enough of the questions were asked.
    """
    handler = app.ingest.run(start_event=Ingest(paths=[folder]))
    under_way = asyncio.Event()

    async def follow() -> None:
        async for event in handler.stream_events():
            if isinstance(event, IngestProgress) and event.chunks_written:
                under_way.set()

    following = asyncio.create_task(follow())
    finished = asyncio.create_task(_ended(handler))
    started = asyncio.create_task(under_way.wait())
    try:
        await asyncio.wait([started, finished], return_when=asyncio.FIRST_COMPLETED)
        seconds: list[float] = []
        for question in questions:
            one = await lone(ask, [question])
            if finished.done():
                finished.result()  # raises what ended it
                break
            seconds += one
            if len(seconds) >= AT_LEAST and sum(seconds) > BUSY_S:
                break
        if len(seconds) < AT_LEAST:
            raise WrongResult(f"the ingestion was over after {len(seconds)} questions")
        return seconds
    finally:
        if not finished.done():
            await handler.cancel_run()
        started.cancel()
        await asyncio.gather(started, following, finished, return_exceptions=True)


def _reported(seconds: list[float]) -> dict[str, float]:
    return {"asked": len(seconds), **percentiles_ms(seconds, 50, 95)}


async def _ended(handler: Any) -> None:
    await handler
