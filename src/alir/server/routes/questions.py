"""Questions: answered as one JSON object, or streamed as server-sent events."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from secrets import token_hex

from pydantic import BaseModel
from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from workflows.handler import WorkflowHandler

from alir.app.application import Alir
from alir.app.streaming import events
from alir.events.agent import AgentAnswer, AskAgent, MeaningAsked
from alir.events.ask import Answer, Ask
from alir.models.kept_answers import AnswerKind, KeptAnswer
from alir.server.answer_stream import answer_stream
from alir.server.auth.caller import Caller, caller
from alir.server.problems import problem_of
from alir.server.routes.endpoint import Endpoint
from alir.server.routes.meanings import MeaningRoutes
from alir.server.routes.sessions import session_key
from alir.server.schemas.agent import AGENT_STREAMED, AgentRequest, AgentResponse, agent_event
from alir.server.schemas.answers import STREAMED, AnswerResponse, AskRequest
from alir.server.schemas.requests import invalid_request, read_body
from alir.storage.answers import AnswerStore

ToClientEvent = Callable[[object], tuple[str, BaseModel] | None]
"""Returns the name and the object of an event of a run; None if it is not for clients."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A question that is being answered."""

    kind: AnswerKind
    body: AskRequest | AgentRequest
    caller: Caller
    run: WorkflowHandler
    id: str = field(default_factory=lambda: token_hex(16))
    """Of its run and of its answer."""

    @property
    def tenant(self) -> str:
        """The name of the caller's tenant."""
        return self.caller.tenant.name


class QuestionRoutes:
    """Answers questions with one `Alir`."""

    def __init__(self, app: Alir, answers: AnswerStore, meanings: MeaningRoutes) -> None:
        self._app = app
        self._answers = answers
        self._meanings = meanings

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(
                "POST",
                "/v1/ask",
                self.ask,
                "read",
                "Answer a question",
                AnswerResponse,
                body=AskRequest,
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
                AgentResponse,
                body=AgentRequest,
                streams=AGENT_STREAMED,
                problems=(409, 422, 502, 503, 504),
                is_question=True,
            ),
        ]

    async def ask(self, request: Request) -> Response:
        """Answer a question from the index."""
        body = await read_body(request, AskRequest)
        tenant = caller(request).tenant
        start = Ask(question=body.question, top_k=body.top_k, filters=tenant.filters)
        run = self._app.ask.run(start_event=start)
        return await self._answered(_Question("ask", body, caller(request), run), request)

    async def ask_agent(self, request: Request) -> Response:
        """Answer a question of several parts, searching for each until enough is found.

        What the agent decides comes as events. A session's earlier questions explain the
        question's pronouns. With `may_ask`, a stream may ask back what the question means, and
        waits a while for the answer.
        """
        body = await read_body(request, AgentRequest)
        if body.may_ask and not accepts_events(request):
            raise invalid_request("/may_ask", "Only a stream asks back: accept text/event-stream")
        tenant = caller(request).tenant
        start = AskAgent(
            question=body.question,
            top_k=body.top_k,
            filters=tenant.filters,
            session=session_key(tenant, body.session) if body.session else None,
            budget=body.budget.budget() if body.budget else None,
            may_ask=body.may_ask,
        )
        run = self._app.agent.run(start_event=start)
        return await self._answered(_Question("agent", body, caller(request), run), request)

    async def _answered(self, question: _Question, request: Request) -> Response:
        if accepts_events(request):
            drain_s = self._app.settings.drain_s
            return answer_stream(self._streamed(question), question.run, drain_s=drain_s)
        async for _ in events(question.run):  # a client that goes away ends it
            pass
        answer = self._kept(question, await question.run)
        return Response(answer.model_dump_json(), media_type="application/json")

    async def _streamed(self, question: _Question) -> AsyncGenerator[ServerSentEvent, None]:
        try:
            # Closed with this: a client that goes while it is sent something ends the run, too.
            async with aclosing(events(question.run, steps=question.body.steps)) as happening:
                async for event in happening:
                    if (named := self._client_event(question, event)) is not None:
                        name, value = named
                        yield sse_event(name, value.model_dump_json())
            answer = self._kept(question, await question.run)
            yield sse_event("answer", answer.model_dump_json())
        except Exception as error:  # noqa: BLE001  no stream ends without its last event
            problem = problem_of(error, question.caller)
            yield sse_event("problem", problem.model_dump_json(exclude_defaults=True))
        finally:
            self._meanings.stop_waiting(question.id)

    def _client_event(self, question: _Question, event: object) -> tuple[str, BaseModel] | None:
        if not isinstance(event, MeaningAsked):
            return agent_event(event)
        asked = self._meanings.wait_for_meaning(question.id, question.tenant, question.run, event)
        return None if asked is None else ("meaning_asked", asked)

    def _kept(self, question: _Question, answer: object) -> AnswerResponse | AgentResponse:
        """Return the answer as it goes to the client, and keep it, so that it can be rated."""
        assert isinstance(answer, Answer)  # noqa: S101  the engine types results as Any
        kept = KeptAnswer(
            kind=question.kind,
            question=question.body.question,
            text=answer.text,
            mode=answer.mode,
            citations=answer.citations,
        )
        self._answers.keep(question.id, question.tenant, kept)
        response = AgentResponse if isinstance(answer, AgentAnswer) else AnswerResponse
        return response.from_event(answer, id=question.id)


def accepts_events(request: Request) -> bool:
    """Return whether the client asks for server-sent events."""
    return "text/event-stream" in request.headers.get("accept", "")


def sse_event(name: str, data: str) -> ServerSentEvent:
    """Return a server-sent event of some JSON."""
    return ServerSentEvent(data, event=name)
