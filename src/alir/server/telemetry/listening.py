"""LlamaIndex's instrumentation: handlers that listen for a while and keep no spans."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.span import BaseSpan


class SpanListener(BaseSpanHandler[BaseSpan]):
    """A span handler that keeps no spans."""

    def new_span(self, *_: Any, **__: Any) -> None:
        """Keep no span."""

    def prepare_to_exit_span(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def prepare_to_drop_span(self, *_: Any, **__: Any) -> None:
        """Do nothing."""


@contextmanager
def listening(spans: SpanListener, events: BaseEventHandler) -> Iterator[None]:
    """Pass LlamaIndex's spans and events to these handlers inside the context."""
    dispatcher = get_dispatcher()
    dispatcher.add_span_handler(spans)
    dispatcher.add_event_handler(events)
    try:
        yield
    finally:
        dispatcher.span_handlers[:] = [x for x in dispatcher.span_handlers if x is not spans]
        dispatcher.event_handlers[:] = [x for x in dispatcher.event_handlers if x is not events]
