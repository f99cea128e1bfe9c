"""The replies of a scripted language model, and their form in the OpenAI protocol."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Say:
    """An answer: whole, or in pieces to a request that streams."""

    text: str
    pieces: int | None = None
    """How many pieces of about equal length to stream it in; None is one for each word."""
    pause_s: float = 0.0
    """The time before each piece but the first."""
    finish_reason: str = "stop"
    """Why it ended: "length" is a reply that the model cut at a limit of its own."""


@dataclass(frozen=True, slots=True)
class CallTools:
    """A request to call tools, in parallel: pairs of a tool's name and its arguments."""

    calls: Sequence[tuple[str, Json]]


@dataclass(frozen=True, slots=True)
class Fail:
    """An HTTP error, such as 401, 404, 429 or 500."""

    status: int
    message: str = ""
    retry_after: float | None = None
    """Seconds, sent as the Retry-After header."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A request accepted and not answered; a client that still waits at the end gets a 504."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """An answer that begins with this text, then the connection drops."""

    text: str


@dataclass(frozen=True, slots=True)
class Raw:
    """A response of these bytes, whatever they are; for what no honest endpoint sends."""

    pieces: Sequence[bytes]
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    """The time before each piece but the first."""
    is_endless: bool = False
    """Whether the last piece comes again and again, until the client goes away."""


Reply = Say | CallTools | Fail | Stall | Cut | Raw
Script = Reply | Iterable[Reply] | Callable[[Json], Reply]
"""One reply for every request; or one after the other; or one made from the request's body."""


def follow(script: Script) -> Callable[[Json], Reply]:
    """Return the function from a request's body to its reply.

    When the replies of a script run out, requests fail with 400, which clients do not retry.
    """
    if isinstance(script, Reply):
        return lambda _: script
    if callable(script):
        return script
    replies = iter(script)
    return lambda _: next(replies, Fail(400, "The script has no reply left."))


def error_body(reply: Fail) -> Json:
    """Write an error as the protocol does."""
    phrase = HTTPStatus(reply.status).phrase
    code = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
    return {
        "error": {
            "message": reply.message or phrase,
            "type": "server_error" if reply.status >= 500 else "invalid_request_error",
            "param": None,
            "code": code.get(reply.status),
        }
    }


def models_body(models: Sequence[str]) -> Json:
    """Write the answer of GET /v1/models."""
    listed = [{"id": m, "object": "model", "created": 0, "owned_by": "alir"} for m in models]
    return {"object": "list", "data": listed}


def completion_body(reply: Say | CallTools, request: Json) -> Json:
    """Write a whole chat completion."""
    message: Json = {"role": "assistant", "content": None}
    if isinstance(reply, Say):
        message["content"] = reply.text
    else:
        message["tool_calls"] = _tool_calls(reply)
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(reply)}
    return _envelope(request, "chat.completion", [choice], _usage(reply, request))


def completion_chunks(reply: Say | CallTools | Cut, request: Json) -> Iterator[Json | None]:
    """Write a chat completion as a stream of chunks; None where a pause belongs.

    A Cut ends without a finish reason.
    """
    with_usage = (request.get("stream_options") or {}).get("include_usage", False)

    def chunk(delta: Json, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        body = _envelope(request, "chat.completion.chunk", [choice])
        return body | {"usage": None} if with_usage else body

    yield chunk({"role": "assistant", "content": None if isinstance(reply, CallTools) else ""})
    if isinstance(reply, CallTools):
        for index, call in enumerate(_tool_calls(reply)):
            # The name first, then the arguments, as OpenAI does.
            function: Json = call["function"]
            opening = call | {"index": index, "function": function | {"arguments": ""}}
            yield chunk({"tool_calls": [opening]})
            arguments = {"index": index, "function": {"arguments": function["arguments"]}}
            yield chunk({"tool_calls": [arguments]})
    else:
        for number, piece in enumerate(_pieces(reply)):
            if number:
                yield None
            yield chunk({"content": piece})
    if isinstance(reply, Cut):
        return
    yield chunk({}, _finish_reason(reply))
    if with_usage:
        yield _envelope(request, "chat.completion.chunk", [], _usage(reply, request))


def _envelope(request: Json, kind: str, choices: list[Json], usage: Json | None = None) -> Json:
    body = {
        "id": "chatcmpl-scripted",
        "object": kind,
        "created": 0,
        "model": request.get("model"),
        "choices": choices,
    }
    return body | {"usage": usage} if usage else body


def _tool_calls(reply: CallTools) -> list[Json]:
    return [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for number, (name, arguments) in enumerate(reply.calls, start=1)
    ]


def _finish_reason(reply: Say | CallTools) -> str:
    return reply.finish_reason if isinstance(reply, Say) else "tool_calls"


def _pieces(reply: Say | Cut) -> list[str]:
    if isinstance(reply, Cut) or reply.pieces is None:
        return re.findall(r"\s*\S+\s*", reply.text) or [reply.text]
    length = max(1, math.ceil(len(reply.text) / reply.pieces))
    return [reply.text[i : i + length] for i in range(0, len(reply.text), length)]


def _usage(reply: Say | CallTools, request: Json) -> Json:
    """Count words as tokens."""
    prompt = sum(len(str(m.get("content") or "").split()) for m in request.get("messages", []))
    said = reply.text if isinstance(reply, Say) else json.dumps(list(reply.calls))
    completion = len(said.split())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
