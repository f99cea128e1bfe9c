"""Questions: answered as one JSON object, or streamed as server-sent events."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from workflows.handler import WorkflowHandler

from alir.agent_events import AskAgent
from alir.app import Alir
from alir.errors import AlirError
from alir.events import Answer, Ask
from alir.server.agent_wire import (
    AGENT_STREAMED,
    AgentAnswerObject,
    AgentBody,
    of_agent_event,
)
from alir.server.bodies import read
from alir.server.caller import caller
from alir.server.endpoint import Endpoint
from alir.server.problems import problem_of
from alir.server.wire import STREAMED, AnswerObject, AskBody, of_answer, of_event
from alir.streamed import events

OfEvent = Callable[[object], tuple[str, dict[str, Any]] | None]

PING_S = 15
"""Between comments on a silent stream, so that no proxy takes it for dead."""


class Asking:
    """Answers questions with one `Alir`."""

    def __init__(self, app: Alir) -> None:
        self._app = app

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of it."""
        return [
            Endpoint(
                "POST",
                "/v1/ask",
                self.ask,
                "read",
                "Answer a question",
                AnswerObject,
                body=AskBody,
                streams=STREAMED,
                problems=(409, 422, 502, 503, 504),
                is_question=True,
            ),
            Endpoint(
                "POST",
                "/v1/agent",
                self.ask_agent,
                "read",
                "Answer a question of several parts",
                AgentAnswerObject,
                body=AgentBody,
                streams=AGENT_STREAMED,
                problems=(409, 422, 502, 503, 504),
                is_question=True,
            ),
        ]

    async def ask(self, request: Request) -> Response:
        """Answer a question from the index."""
        body = await read(request, AskBody)
        start = Ask(
            question=body.question, top_k=body.top_k, filters=caller(request).tenant.filters
        )
        run = self._app.ask.run(start_event=start)
        return await _answered(run, request, of_event, steps=body.steps)

    async def ask_agent(self, request: Request) -> Response:
        """Answer a question of several parts, searching for each until enough is found.

        What the agent decides comes as events. A session's earlier questions say what the
        question's pronouns mean.
        """
        body = await read(request, AgentBody)
        tenant = caller(request).tenant
        # No name of a session has a slash: nobody names one of another tenant's.
        session = f"{tenant.name}/{body.session}" if tenant.name else body.session
        start = AskAgent(
            question=body.question,
            top_k=body.top_k,
            filters=tenant.filters,
            session=session if body.session else None,
            budget=body.budget.budget() if body.budget else None,
        )
        run = self._app.agent.run(start_event=start)
        return await _answered(run, request, of_agent_event, steps=body.steps)


async def _answered(
    run: WorkflowHandler, request: Request, of_event: OfEvent, *, steps: bool
) -> Response:
    if accepts_events(request):
        return EventSourceResponse(_streamed(run, of_event, steps=steps), ping=PING_S)
    async for _ in events(run):  # a client that goes away ends it
        pass
    return JSONResponse(of_answer(_whole(await run)))


async def _streamed(
    run: WorkflowHandler, of_event: OfEvent, *, steps: bool
) -> AsyncIterator[ServerSentEvent]:
    try:
        async for event in events(run, steps=steps):
            if (told := of_event(event)) is not None:
                yield sent(*told)
        yield sent("answer", of_answer(_whole(await run)))
    except AlirError as error:
        yield sent("problem", problem_of(error).model_dump(exclude_defaults=True))


def _whole(answer: object) -> Answer:
    assert isinstance(answer, Answer)  # noqa: S101  the engine types results as Any
    return answer


def accepts_events(request: Request) -> bool:
    """Whether the client asks for server-sent events."""
    return "text/event-stream" in request.headers.get("accept", "")


def sent(name: str, value: dict[str, Any]) -> ServerSentEvent:
    """Return an event for the wire."""
    return ServerSentEvent(json.dumps(value, ensure_ascii=False), event=name)
