"""What a question costs: what language models were sent and replied for it, whoever called them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatInProgressEvent,
    LLMChatStartEvent,
)
from llama_index_instrumentation import get_dispatcher


class TokenUsage:
    """What went to language models and came from them."""

    def __init__(self) -> None:
        self._sent: list[str] = []
        self._replied: dict[str | None, str] = {}

    @property
    def texts(self) -> list[str]:
        """All of it, in no order."""
        return [*self._sent, *self._replied.values()]

    def add(self, event: object) -> None:
        """Take in what LlamaIndex tells of a call."""
        if isinstance(event, LLMChatStartEvent):
            self._sent += [message.content or "" for message in event.messages]
        elif isinstance(event, (LLMChatInProgressEvent, LLMChatEndEvent)) and event.response:
            # Of a stream, what has come so far: it counts though nobody hears its end.
            self._replied[event.span_id] = event.response.message.content or ""


_said: ContextVar[TokenUsage | None] = ContextVar("said", default=None)


class _Listener(BaseEventHandler):
    @classmethod
    def class_name(cls) -> str:
        return "AlirSpending"

    def handle(self, event: Any, **_: Any) -> None:
        if (said := _said.get()) is not None:
            said.add(event)


@contextmanager
def token_usage_recorded() -> Iterator[TokenUsage]:
    """Give what is said to language models and by them, in this context and in what it starts."""
    dispatcher = get_dispatcher()
    if not any(isinstance(one, _Listener) for one in dispatcher.event_handlers):
        dispatcher.add_event_handler(_Listener())
    token = _said.set(said := TokenUsage())
    try:
        yield said
    finally:
        _said.reset(token)
