"""Questions: answered as one JSON object, or streamed as server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.app import Alir
from alir.errors import AlirError
from alir.events import Answer, Ask
from alir.server.bodies import read
from alir.server.caller import caller
from alir.server.endpoint import Endpoint
from alir.server.problems import problem_of
from alir.server.wire import STREAMED, AnswerObject, AskBody, of_answer, of_event
from alir.streamed import events

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
            )
        ]

    async def ask(self, request: Request) -> Response:
        """Answer a question from the index."""
        body = await read(request, AskBody)
        start = Ask(
            question=body.question, top_k=body.top_k, filters=caller(request).tenant.filters
        )
        if accepts_events(request):
            return EventSourceResponse(self._streamed(start, steps=body.steps), ping=PING_S)
        answer: object = await self._app.ask.run(start_event=start)
        assert isinstance(answer, Answer)  # noqa: S101  the engine types results as Any
        return JSONResponse(of_answer(answer))

    async def _streamed(self, start: Ask, *, steps: bool) -> AsyncIterator[ServerSentEvent]:
        run = self._app.ask.run(start_event=start)
        try:
            async for event in events(run, steps=steps):
                if (told := of_event(event)) is not None:
                    yield sent(*told)
            answer: object = await run
            assert isinstance(answer, Answer)  # noqa: S101  the engine types results as Any
            yield sent("answer", of_answer(answer))
        except AlirError as error:
            yield sent("problem", problem_of(error).model_dump(exclude_defaults=True))


def accepts_events(request: Request) -> bool:
    """Whether the client asks for server-sent events."""
    return "text/event-stream" in request.headers.get("accept", "")


def sent(name: str, value: dict[str, Any]) -> ServerSentEvent:
    """Return an event for the wire."""
    return ServerSentEvent(json.dumps(value, ensure_ascii=False), event=name)
