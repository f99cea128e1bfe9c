"""The routes of LlamaIndex's workflow server, as endpoints of the service."""

from llama_agents.client.protocol import (
    CancelHandlerResponse,
    HandlerData,
    HandlersListResponse,
    HealthResponse,
    SendEventResponse,
    WorkflowEventsListResponse,
    WorkflowSchemaResponse,
    WorkflowsListResponse,
)
from starlette.requests import Request
from starlette.responses import Response

from alir.server.routes.endpoint import Endpoint
from alir.server.workflow_runs.schemas import (
    CancelQuery,
    EventsQuery,
    HandlersQuery,
    RunRequest,
    RunResultResponse,
    SendEventRequest,
    StreamedEvent,
    WorkflowGraphResponse,
)
from alir.server.workflow_runs.server import WorkflowRunServer

PREFIX = "/workflows"
_FAILURES = (404, 409, 422, 502, 503, 504)


class RunRoutes:
    """The endpoints of the workflow server; each tenant sees only its own runs."""

    def __init__(self, runs: WorkflowRunServer) -> None:
        self._runs = runs

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        of_workflow = f"{PREFIX}/workflows/{{name}}"
        of_run = "{handler_id}"
        return [
            Endpoint(
                "GET",
                f"{PREFIX}/health",
                self.health,
                "read",
                "Whether runs can begin",
                HealthResponse,
            ),
            Endpoint(
                "GET",
                f"{PREFIX}/workflows",
                self.list_workflows,
                "read",
                "The workflows that can be run",
                WorkflowsListResponse,
            ),
            Endpoint(
                "GET",
                f"{of_workflow}/schema",
                self.schema,
                "read",
                "The start and the stop event of a workflow",
                WorkflowSchemaResponse,
            ),
            Endpoint(
                "GET",
                f"{of_workflow}/events",
                self.list_events,
                "read",
                "The events of a workflow",
                WorkflowEventsListResponse,
            ),
            Endpoint(
                "GET",
                f"{of_workflow}/representation",
                self.graph,
                "read",
                "The graph of a workflow",
                WorkflowGraphResponse,
            ),
            Endpoint(
                "POST",
                f"{of_workflow}/run",
                self.run,
                "read",
                "Run a workflow to its end",
                HandlerData,
                body=RunRequest,
                problems=_FAILURES,
            ),
            Endpoint(
                "POST",
                f"{of_workflow}/run-nowait",
                self.run_nowait,
                "read",
                "Begin to run a workflow",
                HandlerData,
                body=RunRequest,
            ),
            Endpoint(
                "GET",
                f"{PREFIX}/handlers",
                self.list_runs,
                "read",
                "The runs, the newest first",
                HandlersListResponse,
                query=HandlersQuery,
            ),
            Endpoint(
                "GET",
                f"{PREFIX}/handlers/{of_run}",
                self.get_run,
                "read",
                "How far a run has come",
                HandlerData,
                other_responses={202: HandlerData},
                problems=(422,),
            ),
            Endpoint(
                "POST",
                f"{PREFIX}/handlers/{of_run}/cancel",
                self.cancel,
                "read",
                "End a run",
                CancelHandlerResponse,
                query=CancelQuery,
            ),
            Endpoint(
                "GET",
                f"{PREFIX}/results/{of_run}",
                self.result,
                "read",
                "The result of a run",
                RunResultResponse,
                other_responses={202: RunResultResponse},
                problems=(422,),
            ),
            Endpoint(
                "GET",
                f"{PREFIX}/events/{of_run}",
                self.stream_events,
                "read",
                "The events of a run",
                "text/event-stream",
                other_responses={204: None},
                query=EventsQuery,
                streams={"message": StreamedEvent},
                problems=(400, 422),
            ),
            Endpoint(
                "POST",
                f"{PREFIX}/events/{of_run}",
                self.send_event,
                "read",
                "Give a run an event",
                SendEventResponse,
                body=SendEventRequest,
                problems=(409,),
            ),
        ]

    async def health(self, request: Request) -> Response:
        """Return whether runs can begin."""
        return await self._runs.call_handler(request, "GET", "/health")

    async def list_workflows(self, request: Request) -> Response:
        """Return the names of the workflows."""
        return await self._runs.call_handler(request, "GET", "/workflows")

    async def schema(self, request: Request) -> Response:
        """Return the JSON Schemas of the start and stop events of a workflow."""
        return await self._runs.call_handler(request, "GET", "/workflows/{name}/schema")

    async def list_events(self, request: Request) -> Response:
        """Return the JSON Schemas of all events of a workflow."""
        return await self._runs.call_handler(request, "GET", "/workflows/{name}/events")

    async def graph(self, request: Request) -> Response:
        """Return the steps of a workflow and the events between them."""
        return await self._runs.call_handler(request, "GET", "/workflows/{name}/representation")

    async def run(self, request: Request) -> Response:
        """Run a workflow, and return its result.

        The run goes on if the client disconnects. If the run fails, its problem is returned.
        """
        run_id, _ = await self._runs.start_run(request)
        return await self._runs.result(request, run_id)

    async def run_nowait(self, request: Request) -> Response:
        """Start a run of a workflow, and return the run.

        After a restart of the service the run is resumed. It counts as a running question, and for
        the key's budget.
        """
        _, answer = await self._runs.start_run(request)
        return answer

    async def list_runs(self, request: Request) -> Response:
        """Return the tenant's runs: those that run, and the last ones that ended."""
        return await self._runs.call_handler(request, "GET", "/handlers")

    async def get_run(self, request: Request) -> Response:
        """Return a run: its status, and its result or its error; 202 while it runs."""
        return await self._runs.get_run(request, "/handlers/{handler_id}")

    async def cancel(self, request: Request) -> Response:
        """Cancel a run; with `purge`, also delete it."""
        return await self._runs.call_handler(request, "POST", "/handlers/{handler_id}/cancel")

    async def result(self, request: Request) -> Response:
        """Return a run and the fields of its result; 202 while it runs. Prefer `/handlers`."""
        return await self._runs.get_run(request, "/results/{handler_id}")

    async def stream_events(self, request: Request) -> Response:
        """Stream the events of a run as server-sent events, until it ends.

        It begins after event `after_sequence`, or after the one of the header Last-Event-ID: -1 is
        from the beginning, `now` only new events. 204 if the run has ended and no event is left.
        With `sse=false` each event is a line of JSON.
        """
        return await self._runs.stream_events(request)

    async def send_event(self, request: Request) -> Response:
        """Send a run an event that it waits for."""
        return await self._runs.send_event(request)
