"""The events of a streamed reply, checked and made sound before OpenAI's SDK reads them.

The SDK and LlamaIndex take the shape of an event on trust, and stumble over half a character. What
leaves this has a shape that they know, in few events for each read of the network.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alir.errors import ReplyCut

MAX_EVENT_BYTES = 1024 * 1024
"""An event is parsed at once, on the event loop."""
PIECE_CHARS = 1_000
"""Of the text of one event: what is done for a piece is done at once, on the event loop."""
LOST = "\N{REPLACEMENT CHARACTER}"
"""Stands for half of a character whose other half never came."""

_CUTS = {
    "length": "The language model cut its reply at a limit of its own.",
    "content_filter": "The language model's provider cut its reply by a filter.",
}
"""By the protocol's finish reason."""


class ReplyFault(Exception):
    """What an endpoint did that no endpoint should: what follows "it"."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Function(_Part):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(_Part):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Delta(_Part):
    content: Any = None
    """A text; it may hold half a character, which pydantic refuses."""
    tool_calls: Annotated[list[_ToolCall], Field(max_length=128)] | None = None


class _Choice(_Part):
    delta: _Delta | None = None
    finish_reason: str | None = None


class ReplyEvents:
    """What came of a reply since the last `take`, and whether it has ended.

    Args:
        max_chars: A longer reply is cut there; the arguments of tools count, too.
    """

    def __init__(self, max_chars: int) -> None:
        self.has_begun = self.has_ended = False
        self._max_chars = self._chars_left = max_chars
        self._half = ""
        self._texts: list[str] = []
        self._calls: list[_ToolCall] = []

    def add(self, content: bytes) -> None:
        """Add the text of an event.

        Raises:
            ReplyFault: it is none of the protocol's.
            ReplyCut: the reply ends here, though it is not whole.
        """
        self.has_begun = True
        try:
            text = content.decode().strip()
            if text == "[DONE]":
                self.has_ended = True
                return
            event = json.loads(text) if text else {}
        except (ValueError, RecursionError):
            raise ReplyFault("replied with what is not JSON in UTF-8") from None
        if isinstance(event, dict) and event.get("error"):
            raise ReplyFault("broke off its reply with an error")
        choice = _first_choice(event)
        if choice is not None:
            self._add_choice(choice)

    def take(self) -> Iterator[bytes]:
        """Yield what came as events for the SDK, and forget it."""
        text, calls = "".join(self._texts), self._calls
        self._texts, self._calls = [], []
        if self.has_ended and self._half:
            text, self._half = text + LOST, ""
        for start in range(0, len(text), PIECE_CHARS):
            yield _event({"content": text[start : start + PIECE_CHARS]})
        # LlamaIndex looks at the first call of an event only.
        for index, parts in groupby(calls, key=lambda call: call.index):
            yield _event({"tool_calls": [_joined(index, [*parts])]})

    def _add_choice(self, choice: _Choice) -> None:
        delta = choice.delta or _Delta()
        if not isinstance(delta.content, str | None):
            raise ReplyFault("replied in another form than OpenAI's (content)")
        self._texts.append(self._counted(self._whole(delta.content or "")))
        for call in delta.tool_calls or []:
            self._counted((call.function and call.function.arguments) or "")
            self._calls.append(call)
        if choice.finish_reason:  # some send an empty one with each piece
            self.has_ended = True
            if cut := _CUTS.get(choice.finish_reason):
                raise ReplyCut(cut)

    def _whole(self, text: str) -> str:
        """Return a text of whole characters; one cut in two is given with its second half."""
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        text = text.removesuffix(self._half) if self._half else text
        # In UTF-16, and only there, two halves are one character.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _counted(self, text: str) -> str:
        if len(text) > self._chars_left:
            self._texts.append(text[: self._chars_left])
            raise ReplyCut(
                f"The language model's reply was longer than {self._max_chars} characters "
                "(ALIR_LLM_MAX_REPLY_CHARS)."
            )
        self._chars_left -= len(text)
        return text


def _first_choice(event: object) -> _Choice | None:
    """Return the choice that is read, the first; events on usage have none."""
    if not isinstance(event, dict):
        raise ReplyFault("replied in another form than OpenAI's (an event)")
    choices = event.get("choices") or []
    if not isinstance(choices, list):
        raise ReplyFault("replied in another form than OpenAI's (choices)")
    try:
        return _Choice.model_validate(choices[0]) if choices else None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        at = ".".join(map(str, ("choices", 0, *first["loc"])))
        raise ReplyFault(f"replied in another form than OpenAI's ({at})") from None


def _joined(index: int, parts: list[_ToolCall]) -> dict[str, Any]:
    functions = [part.function for part in parts if part.function is not None]
    names = (function.name for function in functions if function.name)
    return {
        "index": index,
        "id": next((part.id for part in parts if part.id), None),
        "type": "function",
        "function": {
            "name": next(names, None),
            "arguments": "".join(function.arguments or "" for function in functions),
        },
    }


def _event(delta: dict[str, Any]) -> bytes:
    """Write an event as the SDK is to read it."""
    choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}
    event = {
        "id": "",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "",
        "choices": [choice],
    }
    return b"data: " + json.dumps(event).encode() + b"\n\n"
