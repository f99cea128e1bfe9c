"""The stream of one answer: it ends with an event of its own, when the service stops, too."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from workflows.handler import WorkflowHandler

PING_S = 15
"""Between comments on a silent stream, so that no proxy takes it for dead."""
LAST_EVENT_S = 1.0
"""Kept of the time to drain, for the events after a run was ended."""


def answer_stream(
    pieces: AsyncGenerator[ServerSentEvent, None], run: WorkflowHandler, *, drain_s: float
) -> EventSourceResponse:
    """Return the response that streams `pieces`, which end when `run` has ended.

    When the service stops, the run goes on for most of `drain_s`, and is ended then.
    """
    stopping = anyio.Event()

    async def streamed() -> AsyncIterator[ServerSentEvent]:
        ending = asyncio.create_task(_end_when_stopped(run, stopping, drain_s - LAST_EVENT_S))
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece
        finally:
            ending.cancel()

    return EventSourceResponse(
        streamed(), ping=PING_S, shutdown_event=stopping, shutdown_grace_period=drain_s
    )


async def _end_when_stopped(run: WorkflowHandler, stopping: anyio.Event, after_s: float) -> None:
    await stopping.wait()
    await asyncio.sleep(max(0.0, after_s))
    await run.cancel_run()
