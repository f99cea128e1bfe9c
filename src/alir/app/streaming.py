"""The events of a run, for a reader that may stop early."""

import asyncio
from collections.abc import AsyncGenerator

from workflows.events import Event
from workflows.handler import WorkflowHandler

from alir.visualize.recording import Recorder


async def events(
    run: WorkflowHandler, recorder: Recorder | None = None, *, steps: bool = False
) -> AsyncGenerator[Event, None]:
    """Yield the events of a run; if this is cancelled or closed, it first ends the run.

    Args:
        steps: whether the engine's own events come, too: those of steps that begin and end.
    """
    try:
        async for event in (
            recorder.stream(run) if recorder else run.stream_events(expose_internal=steps)
        ):
            yield event
    except (asyncio.CancelledError, GeneratorExit):
        await run.cancel_run()
        raise
