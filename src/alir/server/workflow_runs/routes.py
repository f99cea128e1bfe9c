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
    EventBody,
    EventsQuery,
    GraphObject,
    HandlersQuery,
    ResultObject,
    RunBody,
    StreamedObject,
)
from alir.server.workflow_runs.server import WorkflowRunServer

PREFIX = "/workflows"
_FAILURES = (404, 409, 422, 502, 503, 504)


class RunRoutes:
    """What can be asked of the workflow server; each run is its tenant's own."""

    def __init__(self, runs: WorkflowRunServer) -> None:
        self._runs = runs

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of it."""
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
                self.workflows,
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
                self.kinds,
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
                GraphObject,
            ),
            Endpoint(
                "POST",
                f"{of_workflow}/run",
                self.run,
                "read",
                "Run a workflow to its end",
                HandlerData,
                body=RunBody,
                problems=_FAILURES,
            ),
            Endpoint(
                "POST",
                f"{of_workflow}/run-nowait",
                self.begin,
                "read",
                "Begin to run a workflow",
                HandlerData,
                body=RunBody,
            ),
            Endpoint(
                "GET",
                f"{PREFIX}/handlers",
                self.listed,
                "read",
                "The runs, the newest first",
                HandlersListResponse,
                query=HandlersQuery,
            ),
            Endpoint(
                "GET",
                f"{PREFIX}/handlers/{of_run}",
                self.look,
                "read",
                "How far a run has come",
                HandlerData,
                also={202: HandlerData},
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
                ResultObject,
                also={202: ResultObject},
                problems=(422,),
            ),
            Endpoint(
                "GET",
                f"{PREFIX}/events/{of_run}",
                self.stream,
                "read",
                "The events of a run",
                "text/event-stream",
                also={204: None},
                query=EventsQuery,
                streams={"message": StreamedObject},
                problems=(400, 422),
            ),
            Endpoint(
                "POST",
                f"{PREFIX}/events/{of_run}",
                self.send,
                "read",
                "Give a run an event",
                SendEventResponse,
                body=EventBody,
                problems=(409,),
            ),
        ]

    async def health(self, request: Request) -> Response:
        """Answer that runs can begin."""
        return await self._runs.theirs(request, "GET", "/health")

    async def workflows(self, request: Request) -> Response:
        """Answer with the names of the workflows."""
        return await self._runs.theirs(request, "GET", "/workflows")

    async def schema(self, request: Request) -> Response:
        """Answer with the JSON Schemas of the events that a run begins and ends with."""
        return await self._runs.theirs(request, "GET", "/workflows/{name}/schema")

    async def kinds(self, request: Request) -> Response:
        """Answer with the JSON Schemas of all events of a workflow."""
        return await self._runs.theirs(request, "GET", "/workflows/{name}/events")

    async def graph(self, request: Request) -> Response:
        """Answer with the steps of a workflow and the events between them."""
        return await self._runs.theirs(request, "GET", "/workflows/{name}/representation")

    async def run(self, request: Request) -> Response:
        """Run a workflow, and answer with its result.

        A client that goes away does not end the run. One that fails is answered with its problem.
        """
        run_id, _ = await self._runs.begin(request)
        return await self._runs.ended(request, run_id)

    async def begin(self, request: Request) -> Response:
        """Begin to run a workflow, and answer with the run.

        The run comes to an end, whatever becomes of the service: after a restart it is done again.
        It has a place among the questions under way, and is counted for the key's budget.
        """
        _, answer = await self._runs.begin(request)
        return answer

    async def listed(self, request: Request) -> Response:
        """Answer with the tenant's runs: those under way, and the last of those that ended."""
        return await self._runs.theirs(request, "GET", "/handlers")

    async def look(self, request: Request) -> Response:
        """Answer with a run: its status, and its result or its error; 202 while it runs."""
        return await self._runs.look(request, "/handlers/{handler_id}")

    async def cancel(self, request: Request) -> Response:
        """End a run that is under way; with `purge`, forget any run."""
        return await self._runs.theirs(request, "POST", "/handlers/{handler_id}/cancel")

    async def result(self, request: Request) -> Response:
        """Answer with a run and its result's fields; 202 while it runs. Better ask `/handlers`."""
        return await self._runs.look(request, "/results/{handler_id}")

    async def stream(self, request: Request) -> Response:
        """Answer with what a run tells, as server-sent events, to its end.

        After event `after_sequence`, or the one of the header Last-Event-ID: -1 is from the
        beginning, `now` what is told from now on. 204 if the run has ended, and nothing is left
        to tell. With `sse=false` each event is a line of JSON.
        """
        return await self._runs.stream(request)

    async def send(self, request: Request) -> Response:
        """Give a run an event that it waits for."""
        return await self._runs.send(request)
