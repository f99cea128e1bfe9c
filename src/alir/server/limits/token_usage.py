"""The token usage of questions: the texts sent to language models and their replies."""

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
    """The texts sent to language models and received from them."""

    def __init__(self) -> None:
        self._sent: list[str] = []
        self._replied: dict[str | None, str] = {}

    @property
    def texts(self) -> list[str]:
        """All texts, in no order."""
        return [*self._sent, *self._replied.values()]

    def add(self, event: object) -> None:
        """Add the texts of an instrumentation event."""
        if isinstance(event, LLMChatStartEvent):
            self._sent += [message.content or "" for message in event.messages]
        elif isinstance(event, (LLMChatInProgressEvent, LLMChatEndEvent)) and event.response:
            # The text of a stream so far: it counts even if the stream is cut off.
            self._replied[event.span_id] = event.response.message.content or ""


_usage: ContextVar[TokenUsage | None] = ContextVar("usage", default=None)


class _Listener(BaseEventHandler):
    @classmethod
    def class_name(cls) -> str:
        return "AlirSpending"

    def handle(self, event: Any, **_: Any) -> None:
        if (usage := _usage.get()) is not None:
            usage.add(event)


@contextmanager
def token_usage_recorded() -> Iterator[TokenUsage]:
    """Record the token usage of this context and of the tasks that it starts."""
    dispatcher = get_dispatcher()
    if not any(isinstance(one, _Listener) for one in dispatcher.event_handlers):
        dispatcher.add_event_handler(_Listener())
    token = _usage.set(usage := TokenUsage())
    try:
        yield usage
    finally:
        _usage.reset(token)
