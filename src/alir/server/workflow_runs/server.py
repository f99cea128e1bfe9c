"""LlamaIndex's workflow server, behind the middleware of the service.

Endpoints of the service call its handlers. So keys, scopes, limits, bodies, headers and the shape
of errors are the service's. Nothing else of its app is served: neither its CORS, which lets in any
page, nor its debugger, which loads a script from another host.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from llama_agents.server import HandlerQuery, WorkflowServer
from llama_agents.server._runtime.persistence_runtime import PersistenceDecorator
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message
from workflows.plugins.basic import BasicRuntime

from alir.app.application import Alir
from alir.server.answer_stream import PING_S
from alir.server.auth.caller import caller
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.problems import ProblemException, internal_problem, refusal
from alir.server.routes.meanings import MeaningRoutes
from alir.server.schemas.problems import Problem
from alir.server.schemas.requests import read_body
from alir.server.workflow_runs.database import RunDatabase
from alir.server.workflow_runs.events import RunEvent
from alir.server.workflow_runs.owner import RunOwner, acting_as
from alir.server.workflow_runs.run_supervisor import STOP_S, RunSupervisor
from alir.server.workflow_runs.schemas import SendEventRequest, run_request_model
from alir.server.workflow_runs.store import RunStore
from alir.server.workflow_runs.workflows import (
    RunDependencies,
    ServedAgent,
    ServedAsk,
    ServedSearch,
    ServedWorkflow,
)

WORKFLOWS: Mapping[str, Callable[[RunDependencies], ServedWorkflow]] = {
    "ask": ServedAsk,
    "agent": ServedAgent,
    "search": ServedSearch,
}
ERRORS = {
    400: ("Bad Request", "The query or the body is not what is asked for."),
    404: ("Not Found", "There is no such run or workflow, or the run has ended."),
    409: ("Conflict", "The run has ended, or has not."),
    422: ("Unreadable Result", "The run's result was kept by another version of alir."),
}
"""Titles and details by status; the server's own text may be that of an exception."""

_log = logging.getLogger(__name__)


class WorkflowRunServer:
    """Runs alir's workflows for LlamaIndex's client, and resumes them after a restart.

    Args:
        root: The folder of all files; each tenant's folder is in it.
        workflows: The workflows that can be run, by name.
    """

    def __init__(
        self,
        app: Alir,
        rate_limiter: RateLimiter,
        root: Path,
        meanings: MeaningRoutes,
        workflows: Mapping[str, Callable[[RunDependencies], ServedWorkflow]] = WORKFLOWS,
    ) -> None:
        self._rate_limiter = rate_limiter
        self._file = RunDatabase(app.settings.runs_path)
        self._store = RunStore(self._file, app.settings.collection)
        self._supervisor = RunSupervisor(self._store)
        dependencies = RunDependencies(
            app, self._store, rate_limiter, self._supervisor, root, meanings
        )
        self._served = {name: workflow(dependencies) for name, workflow in workflows.items()}
        self._request_models = {
            name: run_request_model(one.start_event_class) for name, one in self._served.items()
        }
        # Without its grace period: it would never resume what began in the last 30 s before a kill.
        self._runtime = PersistenceDecorator(
            BasicRuntime(), store=self._store, resume_fresh_handler_grace=None
        )
        self._server = WorkflowServer(
            workflow_store=self._store, runtime=self._runtime, sse_heartbeat_interval=None
        )
        for name, workflow in self._served.items():
            self._server.add_workflow(name, workflow, additional_events=[RunEvent])
        self._handlers: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
            (method, route.path): route.endpoint
            for route in self._server.app.routes
            if isinstance(route, Route)
            for method in (route.methods or set()) - {"HEAD"}
        }
        self._slot_holders: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Resume the runs that have not ended."""
        await self._store.fail_unresumable([*self._served])
        await self._server.start()
        assert self._runtime.resume_task is not None  # noqa: S101  it has been started
        # Before the first request: a run that has just begun looks like one that cannot be resumed.
        await self._runtime.resume_task

    async def stop(self) -> None:
        """Stop the runs; the next start resumes them."""
        await self._supervisor.stop()
        await self._server.stop()
        if self._slot_holders:
            _, late = await asyncio.wait(self._slot_holders, timeout=STOP_S)
            for holder in late:  # its run was stopped before it began
                holder.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._file.aclose()

    async def call_handler(self, request: Request, method: str, path: str) -> Response:
        """Answer as LlamaIndex's server does, with the runs that the caller may see."""
        with acting_as(_owner(request)):
            try:
                return await self._handlers[method, path](request)
            except HTTPException as error:
                if error.status_code == 204:
                    return Response(status_code=204)  # the server's own has a body, wrongly
                if error.status_code not in ERRORS:
                    _log.exception("The workflow server failed")
                    raise ProblemException(internal_problem()) from error
                raise refusal(error.status_code, *ERRORS[error.status_code]) from error

    async def start_run(self, request: Request) -> tuple[str, Response]:
        """Start a run; return its id and the response, once a restart would resume it."""
        model = self._request_models.get(request.path_params["name"])
        if model is None:
            raise refusal(404, *ERRORS[404])
        body = await read_body(request, model)
        content = json.dumps(body.model_dump(mode="json", include={"start_event"})).encode()
        started: asyncio.Future[tuple[str, Response]] = asyncio.get_running_loop().create_future()
        holder = asyncio.create_task(self._hold_slot(_with_body(request, content), started))
        self._slot_holders.add(holder)
        holder.add_done_callback(self._slot_holders.discard)
        return await started

    async def _hold_slot(
        self, request: Request, started: "asyncio.Future[tuple[str, Response]]"
    ) -> None:
        """Start a run, and hold a slot of the question limiter until it ends."""
        try:
            async with self._rate_limiter.question_slot(caller(request)):
                answer = await self.call_handler(request, "POST", "/workflows/{name}/run-nowait")
                run_id = json.loads(bytes(answer.body))["run_id"]
                await self._store.wait_until_resumable(run_id)
                if not started.done():  # the client may be gone
                    started.set_result((run_id, answer))
                await self._supervisor.wait_until_ended(run_id)
        except Exception as error:
            if started.done():
                raise
            started.set_exception(error)

    async def result(self, request: Request, run_id: str) -> Response:
        """Wait for the end of a run, and answer with it or with the problem that it failed with."""
        await self._supervisor.wait_until_ended(run_id)
        with acting_as(_owner(request)):
            found = await self._store.query(HandlerQuery(run_id_in=[run_id]))
        if not found:
            raise refusal(404, *ERRORS[404])
        [run] = found
        if run.status == "failed":
            raise ProblemException(await self._problem(run_id, run.error or ""))
        if run.status == "cancelled":
            raise refusal(409, "Cancelled", "The run was cancelled.")
        if run.status == "running":
            detail = "The service stops; the run goes on when it starts again."
            raise refusal(503, "Stopped", detail)
        request = _for_run(request, run.handler_id)
        return await self.call_handler(request, "GET", "/handlers/{handler_id}")

    async def _problem(self, run_id: str, error: str) -> Problem:
        """Return the problem that a run failed with."""
        for stored in reversed(await self._store.query_events(run_id)):
            value = stored.event.value
            if stored.event.type == RunEvent.__name__ and value["event"] == "problem":
                return Problem.model_validate(value["data"])
        return Problem(title="Failed", status=500, detail=error)

    async def get_run(self, request: Request, path: str) -> Response:
        """Answer with a run: 202 while it runs, else 200, also if it failed."""
        answer = await self.call_handler(request, "GET", path)
        run = json.loads(bytes(answer.body))
        return JSONResponse(run, status_code=202 if run["status"] == "running" else 200)

    async def stream_events(self, request: Request) -> Response:
        """Answer with the events of a run, until it or the service ends."""
        answer = await self.call_handler(request, "GET", "/events/{handler_id}")
        if not isinstance(answer, StreamingResponse):
            return answer
        is_sse = answer.media_type == "text/event-stream"
        return EventSourceResponse(
            _pieces(answer), media_type=answer.media_type or "", ping=PING_S if is_sse else 0
        )

    async def send_event(self, request: Request) -> Response:
        """Send a run an event that it waits for."""
        body = await read_body(request, SendEventRequest)
        run = json.loads(bytes((await self.get_run(request, "/handlers/{handler_id}")).body))
        workflow = self._served.get(run["workflow_name"])
        if workflow is None or not workflow.waits_for_event(run["run_id"]):
            raise refusal(409, "Conflict", "The run waits for no event.")
        prepared = _with_body(request, body.model_dump_json(exclude_none=True).encode())
        return await self.call_handler(prepared, "POST", "/events/{handler_id}")


def _owner(request: Request) -> RunOwner:
    return RunOwner(caller(request).tenant.name, caller(request).key)


async def _pieces(answer: StreamingResponse) -> AsyncIterator[bytes]:
    pieces = answer.body_iterator
    try:
        async for piece in pieces:
            yield piece.encode() if isinstance(piece, str) else bytes(piece)
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()  # it ends the subscription


def _with_body(request: Request, content: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    return Request(request.scope, receive)


def _for_run(request: Request, handler_id: str) -> Request:
    scope: dict[str, Any] = {**request.scope, "path_params": {"handler_id": handler_id}}
    return Request(scope, request.receive)
