"""Runs are seen to their end, though the engine fails to store it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from llama_agents.client import WorkflowClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from workflows import Context, step
from workflows.events import StartEvent, StopEvent

from alir.server.routes.meanings import MeaningRoutes
from alir.server.workflow_runs.owner import RunOwner
from alir.server.workflow_runs.routes import PREFIX, RunRoutes
from alir.server.workflow_runs.server import WorkflowRunServer
from alir.server.workflow_runs.workflows import ServedWorkflow


class Begin(StartEvent):
    """Begin."""

    question: str
    how: str


class Unserializable(StopEvent):
    """A result that is no JSON."""

    value: Any


class Unkept(ServedWorkflow):
    """Ends with what cannot be kept, or tells it, or breaks."""

    @step
    async def go(self, ctx: Context, ev: Begin) -> Unserializable:
        async with self.work(ctx) as (_, relay):
            if ev.how == "breaks":
                raise RuntimeError("a secret of the service")
            if ev.how == "tells":
                relay.send("x", {"x": object()})
            return Unserializable(value=object() if ev.how == "gives" else 1)


async def test_a_run_whose_events_cannot_be_kept_comes_to_an_end(
    served: Any, desk: Path, told: Callable[..., Any]
) -> None:
    meanings = MeaningRoutes(wait_s=1, most=1)
    runs = WorkflowRunServer(
        served.alir, served.service.rate_limiter, desk, meanings, {"unkept": Unkept}
    )
    runs._file.path = desk / "other.runs"
    endpoints = RunRoutes(runs).endpoints()

    async def let_in(request: Request) -> Response:
        request.state.caller = RunOwner("", "").caller(desk)
        handler = next(
            one.handler
            for one in endpoints
            if (one.method, one.path) == (request.method, request.scope["route"].path)
        )
        return await handler(request)

    app = Starlette(routes=[Route(one.path, let_in, methods=[one.method]) for one in endpoints])
    await runs.start()
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=f"http://alir{PREFIX}"
        ) as http:
            client = WorkflowClient(httpx_client=http)
            ended, last = {}, {}
            for how in ("gives", "tells", "breaks"):
                start = {"question": "x", "how": how}
                begun = await client.run_workflow_nowait("unkept", start_event=start)
                async with asyncio.timeout(20):
                    last[how] = (await told(client, begun))[-1]
                    ended[how] = await client.get_handler(begun.handler_id)
    finally:
        await runs.stop()

    statuses = {how: one.status for how, one in ended.items()}
    # An event that cannot be kept is lost; a result that cannot be is none.
    assert statuses == {"gives": "failed", "tells": "completed", "breaks": "failed"}
    assert last["gives"].type == last["breaks"].type == "WorkflowFailedEvent"
    assert ended["gives"].error
    assert ended["breaks"].error
    assert "secret" not in ended["breaks"].model_dump_json() + last["breaks"].model_dump_json()
