"""Chat completions: a conversation in OpenAI's protocol, answered by `Ask` or the agent."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from llama_index.core.llms import LLM
from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from workflows.handler import WorkflowHandler

from alir.app.application import Alir
from alir.app.streaming import events
from alir.events.agent import AskAgent
from alir.events.ask import Answer, Ask, Token
from alir.models.kept_answers import KeptAnswer
from alir.server.answer_stream import answer_stream
from alir.server.auth.caller import Caller, caller
from alir.server.openai.schemas import (
    AGENT_MODEL,
    ASK_MODEL,
    AssistantMessage,
    ChatCompletionChunk,
    ChatCompletionRequest,
    ChatCompletionResponse,
    Choice,
    ChoiceDelta,
    ChunkChoice,
    FinishReason,
    Usage,
)
from alir.server.problems import problem_of, refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.answers import MAX_QUESTION_CHARS
from alir.server.schemas.problems import openai_error
from alir.server.schemas.requests import read_body
from alir.steps.agent.budget_tracker import count_tokens
from alir.steps.agent.consult import consult
from alir.steps.agent.restate import prompt, restate
from alir.storage.answers import AnswerStore


@dataclass(frozen=True, slots=True)
class _Reply:
    """What the pieces of one reply share."""

    body: ChatCompletionRequest
    id: str
    created: int
    question: str
    caller: Caller

    def piece(self, finish: FinishReason | None = None, **delta: Any) -> ServerSentEvent:
        choice = ChunkChoice(delta=ChoiceDelta(**delta), finish_reason=finish)
        return self._event([choice])

    async def usage(self, text: str) -> ServerSentEvent:
        return self._event([], usage=await _usage(self.body, text))

    def _event(self, choices: list[ChunkChoice], usage: Usage | None = None) -> ServerSentEvent:
        chunk = ChatCompletionChunk(
            id=self.id, created=self.created, model=self.body.model, choices=choices, usage=usage
        )
        return ServerSentEvent(chunk.line())


class ChatRoutes:
    """Answers conversations with one `Alir`."""

    def __init__(self, app: Alir, answers: AnswerStore) -> None:
        self._app = app
        self._answers = answers

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(
                "POST",
                "/v1/chat/completions",
                self.complete,
                "read",
                "Answer a conversation, in OpenAI's protocol",
                ChatCompletionResponse,
                body=ChatCompletionRequest,
                streams={"message": ChatCompletionChunk},
                problems=(404, 409, 502, 503, 504),
                is_question=True,
            )
        ]

    async def complete(self, request: Request) -> Response:
        """Answer the last message from the index; those before it explain its pronouns.

        Models: `alir` asks, `alir-agent` takes a question of several parts apart. The citations
        stand below the answer, and in the field `citations` of the message.
        """
        body = await read_body(request, ChatCompletionRequest)
        if body.model not in {ASK_MODEL, AGENT_MODEL}:
            raise refusal(404, "Model Not Found", f"There is no chat model {body.model[:80]!r}.")
        last = body.messages[-1]
        if last.role != "user" or not last.text.strip():
            raise refusal(400, "Invalid Body", "The last message must be a user's, with text.")
        if len(last.text) > MAX_QUESTION_CHARS:
            detail = f"A question has at most {MAX_QUESTION_CHARS} characters."
            raise refusal(400, "Invalid Body", detail)
        earlier = [one.text for one in body.messages[:-1] if one.role == "user" and one.text]
        question = await _alone(last.text.strip(), earlier, llm=self._app.llm)
        tenant = caller(request).tenant
        filters = tenant.filters
        run = (
            self._app.ask.run(start_event=Ask(question=question, filters=filters))
            if body.model == ASK_MODEL
            else self._app.agent.run(start_event=AskAgent(question=question, filters=filters))
        )
        id_ = f"chatcmpl-{token_hex(12)}"
        reply = _Reply(body, id_, int(time.time()), last.text.strip(), caller(request))
        if body.stream:
            drain_s = self._app.settings.drain_s
            return answer_stream(self._streamed(run, reply), run, drain_s=drain_s)
        async for _ in events(run):
            pass
        answer = _whole(await run)
        self._keep(reply, answer)
        text = answer.text + _references(answer)
        completion = ChatCompletionResponse(
            id=reply.id,
            created=reply.created,
            model=body.model,
            choices=[
                Choice(
                    message=AssistantMessage(content=text, citations=answer.citations),
                    finish_reason=_finish(answer),
                )
            ],
            usage=await _usage(body, text),
        )
        return JSONResponse(completion.model_dump())

    async def _streamed(
        self, run: WorkflowHandler, reply: _Reply
    ) -> AsyncGenerator[ServerSentEvent, None]:
        try:
            yield reply.piece(role="assistant", content="")
            async with aclosing(events(run)) as happening:
                async for event in happening:
                    if isinstance(event, Token):
                        yield reply.piece(content=event.text)
            answer = _whole(await run)
            references = _references(answer)
            if references:
                yield reply.piece(content=references)
            self._keep(reply, answer)
            yield reply.piece(_finish(answer), citations=answer.citations)
            options = reply.body.stream_options
            if options is not None and options.include_usage:
                yield await reply.usage(answer.text + references)
        except Exception as error:  # noqa: BLE001  no stream ends without its last event
            yield ServerSentEvent(json.dumps(openai_error(problem_of(error, reply.caller))))
        yield ServerSentEvent("[DONE]")

    def _keep(self, reply: _Reply, answer: Answer) -> None:
        """Keep the answer, so that it can be rated."""
        kept = KeptAnswer(
            kind="chat",
            question=reply.question,
            text=answer.text,
            mode=answer.mode,
            citations=answer.citations,
        )
        self._answers.keep(reply.id, reply.caller.tenant.name, kept)


async def _alone(question: str, earlier: Sequence[str], *, llm: LLM | None) -> str:
    """Return the question so that it stands alone; answers are not looked at."""
    if not earlier:
        return question
    if llm is not None:
        reply = await consult(prompt(question, earlier), llm=llm)
        return reply[0] if reply else question
    return restate(question, earlier) or question


def _whole(answer: object) -> Answer:
    assert isinstance(answer, Answer)  # noqa: S101  the engine types results as Any
    return answer


def _finish(answer: Answer) -> FinishReason:
    return "length" if answer.is_cut else "stop"


def _references(answer: Answer) -> str:
    """Return the citations as text, to stand below an answer."""
    lines = [
        f"[{number}] {Path(one.file).name}" + (f", page {one.page}" if one.page else "")
        for number, one in enumerate(answer.citations, start=1)
    ]
    return "\n\n" + "\n".join(lines) if lines else ""


async def _usage(body: ChatCompletionRequest, text: str) -> Usage:
    # Off the event loop: the first count loads the tokenizer, and a conversation may be long.
    sent = await asyncio.to_thread(count_tokens, [one.text for one in body.messages])
    came = await asyncio.to_thread(count_tokens, [text])
    return Usage(prompt_tokens=sent, completion_tokens=came, total_tokens=sent + came)
