"""Chat completions: a conversation in OpenAI's protocol, answered by `Ask` or the agent."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
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
from alir.server.openai.conversation import Conversation, read_conversation
from alir.server.openai.reply_text import ReplyText
from alir.server.openai.requests import ChatCompletionRequest
from alir.server.openai.schemas import (
    AGENT_MODEL,
    ASK_MODEL,
    AssistantMessage,
    ChatCompletionChunk,
    ChatCompletionResponse,
    Choice,
    ChoiceDelta,
    ChunkChoice,
    FinishReason,
    Usage,
)
from alir.server.openai.tokens import encoding
from alir.server.problems import ProblemException, problem_of, refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.schemas.problems import Problem, openai_error
from alir.server.schemas.requests import read_body
from alir.steps.agent.budget_tracker import count_tokens
from alir.steps.agent.consult import consult
from alir.steps.agent.restate import prompt, restate
from alir.storage.answers import AnswerStore

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Of a conversation: an image in each of its turns is sent again with every question."""


@dataclass(frozen=True, slots=True)
class _Reply:
    """What the pieces of one reply share."""

    body: ChatCompletionRequest
    conversation: Conversation
    caller: Caller
    text: ReplyText
    id: str = field(default_factory=lambda: f"chatcmpl-{token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def degraded(self, answer: Answer) -> list[str]:
        return [*self.conversation.degraded, *answer.degraded]

    def finish_reason(self, answer: Answer) -> FinishReason:
        return "length" if answer.is_cut else self.text.finish_reason

    def below(self, answer: Answer) -> str:
        """Return what stands below an answer: its citations, and what was not looked at."""
        unread = self.conversation.unread
        return _references(answer) + (f"\n\n({unread})" if unread else "")

    def piece(self, **delta: Any) -> ServerSentEvent:
        return self._event([ChunkChoice(delta=ChoiceDelta(**delta))])

    def last_piece(self, answer: Answer) -> ServerSentEvent:
        delta = ChoiceDelta(citations=answer.citations, degraded=self.degraded(answer))
        choice = ChunkChoice(delta=delta, finish_reason=self.finish_reason(answer))
        return self._event([choice], ignored=self.body.ignored)

    async def usage(self, text: str) -> Usage:
        asked = [*self.conversation.earlier, self.conversation.question]
        # Off the event loop: the first count loads the tokenizer, and the texts may be long.
        sent = await asyncio.to_thread(count_tokens, asked)
        came = await asyncio.to_thread(count_tokens, [text])
        return Usage(prompt_tokens=sent, completion_tokens=came, total_tokens=sent + came)

    async def usage_event(self, text: str) -> ServerSentEvent:
        return self._event([], usage=await self.usage(text))

    def _event(self, choices: list[ChunkChoice], **more: Any) -> ServerSentEvent:
        chunk = ChatCompletionChunk(
            id=self.id, created=self.created, model=self.body.model, choices=choices, **more
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
                max_body_bytes=MAX_BODY_BYTES,
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
        if body.unsupported is not None:
            raise _unsupported(*body.unsupported)
        conversation = read_conversation(body.messages)
        if body.max_answer_tokens is not None:
            await asyncio.to_thread(encoding)
        question = await _alone(conversation.question, conversation.earlier, llm=self._app.llm)
        filters = caller(request).tenant.filters
        run = (
            self._app.ask.run(start_event=Ask(question=question, filters=filters))
            if body.model == ASK_MODEL
            else self._app.agent.run(start_event=AskAgent(question=question, filters=filters))
        )
        text = ReplyText(max_tokens=body.max_answer_tokens, stops=body.stops)
        reply = _Reply(body, conversation, caller(request), text)
        if body.stream:
            drain_s = self._app.settings.drain_s
            return answer_stream(self._streamed(run, reply), run, drain_s=drain_s)
        async for _ in events(run):
            pass
        answer = _whole(await run)
        self._keep(reply, answer)
        content = text.feed(answer.text) + text.feed(reply.below(answer)) + text.finish()
        message = AssistantMessage(
            content=content, citations=answer.citations, degraded=reply.degraded(answer)
        )
        completion = ChatCompletionResponse(
            id=reply.id,
            created=reply.created,
            model=body.model,
            choices=[Choice(message=message, finish_reason=reply.finish_reason(answer))],
            usage=await reply.usage(content),
            ignored=body.ignored,
        )
        return JSONResponse(completion.model_dump())

    async def _streamed(
        self, run: WorkflowHandler, reply: _Reply
    ) -> AsyncGenerator[ServerSentEvent, None]:
        passed: list[str] = []
        try:
            yield reply.piece(role="assistant", content="")
            async with aclosing(events(run)) as happening:
                async for event in happening:
                    if isinstance(event, Token) and (text := reply.text.feed(event.text)):
                        passed.append(text)
                        yield reply.piece(content=text)
            answer = _whole(await run)
            if text := reply.text.feed(reply.below(answer)) + reply.text.finish():
                passed.append(text)
                yield reply.piece(content=text)
            self._keep(reply, answer)
            yield reply.last_piece(answer)
            options = reply.body.stream_options
            if options is not None and options.include_usage:
                yield await reply.usage_event("".join(passed))
        except Exception as error:  # noqa: BLE001  no stream ends without its last event
            yield ServerSentEvent(json.dumps(openai_error(problem_of(error, reply.caller))))
        yield ServerSentEvent("[DONE]")

    def _keep(self, reply: _Reply, answer: Answer) -> None:
        """Keep the answer, so that it can be rated."""
        kept = KeptAnswer(
            kind="chat",
            question=reply.conversation.question,
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


def _references(answer: Answer) -> str:
    """Return the citations as text, to stand below an answer."""
    lines = [
        f"[{number}] {Path(one.file).name}" + (f", page {one.page}" if one.page else "")
        for number, one in enumerate(answer.citations, start=1)
    ]
    return "\n\n" + "\n".join(lines) if lines else ""


def _unsupported(name: str, why: str) -> ProblemException:
    problem = Problem(
        title="Unsupported Parameter",
        status=400,
        detail=f"{name}: {why}.",
        errors=[{"at": f"/{name}", "problem": why}],
    )
    return ProblemException(problem)
