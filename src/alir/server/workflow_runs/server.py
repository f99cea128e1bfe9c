"""LlamaIndex's workflow server, behind what every other route of the service is behind.

Its handlers are called from endpoints of the service. So keys, scopes, limits, bodies, headers and
the shape of errors are the service's, and there is nothing of its own app: neither its CORS, which
lets in any page, nor its debugger, which loads a script from another host.
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
from alir.server.auth.caller import caller
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.problems import ProblemException, refusal
from alir.server.routes.meanings import MeaningRoutes
from alir.server.routes.questions import PING_S
from alir.server.schemas.problems import Problem
from alir.server.schemas.requests import read_body
from alir.server.workflow_runs.agent import ServedAgent
from alir.server.workflow_runs.database import RunDatabase
from alir.server.workflow_runs.events import RunEvent
from alir.server.workflow_runs.owner import RunOwner, asking
from alir.server.workflow_runs.run_supervisor import STOP_S, RunSupervisor
from alir.server.workflow_runs.schemas import EventBody, body_of
from alir.server.workflow_runs.store import RunStore
from alir.server.workflow_runs.workflows import (
    RunDependencies,
    ServedAsk,
    ServedSearch,
    ServedWorkflow,
)

WORKFLOWS: Mapping[str, Callable[[RunDependencies], ServedWorkflow]] = {
    "ask": ServedAsk,
    "agent": ServedAgent,
    "search": ServedSearch,
}
SAID = {
    400: ("Bad Request", "The query or the body is not what is asked for."),
    404: ("Not Found", "There is no such run or workflow, or the run has ended."),
    409: ("Conflict", "The run has ended, or has not."),
    422: ("Unreadable Result", "The run's result was kept by another version of alir."),
}
"""Instead of the server's own words, which may be an exception's."""

_log = logging.getLogger(__name__)


class WorkflowRunServer:
    """Runs alir's workflows for LlamaIndex's client, and goes on with them after a restart.

    Args:
        root: the folder of the house; those of tenants are in it.
        workflows: what can be run, by name.
    """

    def __init__(
        self,
        app: Alir,
        limits: RateLimiter,
        root: Path,
        meanings: MeaningRoutes,
        workflows: Mapping[str, Callable[[RunDependencies], ServedWorkflow]] = WORKFLOWS,
    ) -> None:
        self._limits = limits
        self._file = RunDatabase(app.settings.runs_path)
        self._store = RunStore(self._file, app.settings.collection)
        self._under_way = RunSupervisor(self._store)
        desk = RunDependencies(app, self._store, limits, self._under_way, root, meanings)
        self._served = {name: workflow(desk) for name, workflow in workflows.items()}
        self._bodies = {name: body_of(one.start_event_class) for name, one in self._served.items()}
        # Without its grace: it leaves alone for ever what began in the last 30 s before a kill.
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
        self._carrying: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Go on with the runs that have not ended."""
        await self._store.give_up([*self._served])
        await self._server.start()
        assert self._runtime.resume_task is not None  # noqa: S101  it has been started
        # Before anybody asks: a run that has only just begun looks like one that cannot go on.
        await self._runtime.resume_task

    async def stop(self) -> None:
        """End the runs where they are, for the next start to go on with."""
        await self._under_way.stop()
        await self._server.stop()
        if self._carrying:
            _, late = await asyncio.wait(self._carrying, timeout=STOP_S)
            for carrying in late:  # its run was ended before it began
                carrying.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._file.aclose()

    async def theirs(self, request: Request, method: str, path: str) -> Response:
        """Answer as LlamaIndex's server does, with what the caller may see."""
        who = caller(request)
        with asking(RunOwner(who.tenant.name, who.key)):
            try:
                return await self._handlers[method, path](request)
            except HTTPException as error:
                if error.status_code == 204:
                    return Response(status_code=204)  # theirs has a body, which breaks the answer
                if error.status_code not in SAID:
                    _log.exception("The workflow server failed")
                    detail = "Something in alir went wrong; the service's log has it."
                    raise refusal(500, "Internal Error", detail) from error
                raise refusal(error.status_code, *SAID[error.status_code]) from error

    async def begin(self, request: Request) -> tuple[str, Response]:
        """Begin a run; return its id, and the answer that says so, when it will come to an end."""
        kind = self._bodies.get(request.path_params["name"])
        if kind is None:
            raise refusal(404, *SAID[404])
        body = await read_body(request, kind)
        content = json.dumps(body.model_dump(mode="json", include={"start_event"})).encode()
        begun: asyncio.Future[tuple[str, Response]] = asyncio.get_running_loop().create_future()
        carrying = asyncio.create_task(self._carry(_with_body(request, content), begun))
        self._carrying.add(carrying)
        carrying.add_done_callback(self._carrying.discard)
        return await begun

    async def _carry(self, request: Request, begun: "asyncio.Future[tuple[str, Response]]") -> None:
        """Have a place for a run from before its beginning to its end, whoever waits for it."""
        try:
            async with self._limits.question(caller(request)):
                answer = await self.theirs(request, "POST", "/workflows/{name}/run-nowait")
                run_id = json.loads(bytes(answer.body))["run_id"]
                await self._store.begun(run_id)
                if not begun.done():  # nobody may be waiting any more
                    begun.set_result((run_id, answer))
                await self._under_way.end_of(run_id)
        except Exception as error:
            if begun.done():
                raise
            begun.set_exception(error)

    async def ended(self, request: Request, run_id: str) -> Response:
        """Answer with a run when it has ended, or with why it failed."""
        await self._under_way.end_of(run_id)
        who = caller(request)
        with asking(RunOwner(who.tenant.name, who.key)):
            found = await self._store.query(HandlerQuery(run_id_in=[run_id]))
        if not found:
            raise refusal(404, *SAID[404])
        [run] = found
        if run.status == "failed":
            raise ProblemException(await self._problem(run_id, run.error or ""))
        if run.status == "cancelled":
            raise refusal(409, "Cancelled", "The run was cancelled.")
        if run.status == "running":
            detail = "The service stops; the run goes on when it starts again."
            raise refusal(503, "Stopped", detail)
        request = _for_run(request, run.handler_id)
        return await self.theirs(request, "GET", "/handlers/{handler_id}")

    async def _problem(self, run_id: str, error: str) -> Problem:
        """Return why a run failed."""
        for told in reversed(await self._store.query_events(run_id)):
            value = told.event.value
            if told.event.type == RunEvent.__name__ and value["event"] == "problem":
                return Problem.model_validate(value["data"])
        return Problem(title="Failed", status=500, detail=error)

    async def look(self, request: Request, path: str) -> Response:
        """Answer with a run; that it failed or was cancelled is no failure to answer."""
        answer = await self.theirs(request, "GET", path)
        told = json.loads(bytes(answer.body))
        return JSONResponse(told, status_code=202 if told["status"] == "running" else 200)

    async def stream(self, request: Request) -> Response:
        """Answer with the events of a run, to its end or that of the service."""
        answer = await self.theirs(request, "GET", "/events/{handler_id}")
        if not isinstance(answer, StreamingResponse):
            return answer
        is_sse = answer.media_type == "text/event-stream"
        return EventSourceResponse(
            _pieces(answer),
            media_type=answer.media_type or "",
            ping=PING_S if is_sse else 0,
        )

    async def send(self, request: Request) -> Response:
        """Give a run an event that it waits for."""
        body = await read_body(request, EventBody)
        run = json.loads(bytes((await self.look(request, "/handlers/{handler_id}")).body))
        workflow = self._served.get(run["workflow_name"])
        if workflow is None or not workflow.waits(run["run_id"]):
            raise refusal(409, "Conflict", "The run waits for no event.")
        given = _with_body(request, body.model_dump_json(exclude_none=True).encode())
        return await self.theirs(given, "POST", "/events/{handler_id}")


async def _pieces(answer: StreamingResponse) -> AsyncIterator[bytes]:
    pieces = answer.body_iterator
    try:
        async for piece in pieces:
            yield piece.encode() if isinstance(piece, str) else bytes(piece)
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()  # it ends what it listens with


def _with_body(request: Request, content: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    return Request(request.scope, receive)


def _for_run(request: Request, handler_id: str) -> Request:
    scope: dict[str, Any] = {**request.scope, "path_params": {"handler_id": handler_id}}
    return Request(scope, request.receive)
