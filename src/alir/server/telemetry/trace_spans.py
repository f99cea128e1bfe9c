"""LlamaIndex's own spans, of workflows, their steps and calls of models, as OpenTelemetry's.

LlamaIndex has a package for that (llama-index-observability-otel): it writes whole prompts and
documents into spans, keeps all of them for ever, and knows of no request around them.
"""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.exception import ExceptionEvent
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMChatStartEvent
from llama_index.core.llms import LLM
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue
from pydantic import PrivateAttr
from workflows import Workflow

from alir.server.telemetry.listening import SpanListener, listening
from alir.server.telemetry.logs import trace_id
from alir.server.telemetry.traces import Trace, Traces, current

_ID_CHARS = 37
"""A hyphen and a UUID, at the end of the ids of LlamaIndex's spans."""


def traced_runs(traces: Traces, *, roots: Sequence[Workflow]) -> AbstractContextManager[None]:
    """Trace LlamaIndex's spans and events inside the context.

    Args:
        roots: Workflows that get a trace of their own when they run outside a request.
    """
    return listening(_Spans(traces, roots), _Events(traces))


class _Spans(SpanListener):
    _traces: Traces = PrivateAttr()
    _roots: Sequence[Workflow] = PrivateAttr()

    def __init__(self, traces: Traces, roots: Sequence[Workflow]) -> None:
        super().__init__()
        self._traces = traces
        self._roots = roots

    def span_enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        name = id_[:-_ID_CHARS]
        trace = current.get()
        if (trace is None or trace.is_closed) and any(instance is one for one in self._roots):
            # The run has a task and a context of its own, so these need no reset.
            trace = self._traces.trace(name, kind=SpanKind.INTERNAL)
            current.set(trace)
            trace_id.set(trace.id)
            trace.run = id_
        if trace is None or trace.traces is not self._traces or trace.run == id_:
            return
        # A language model's span is that of its events, from the request to the end of its reply.
        is_named = not isinstance(instance, LLM) and not name.partition(".")[2].startswith("_")
        trace.begin(
            id_,
            name if is_named else None,
            within=parent_id,
            attributes=_attributes(instance, bound_args),
        )

    def span_exit(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        result: Any | None = None,
        **kwargs: Any,
    ) -> None:
        self._end(id_, None)

    def span_drop(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> None:
        self._end(id_, err)

    def _end(self, id_: str, error: BaseException | None) -> None:
        if (trace := _own(self._traces)) is None:
            return
        if trace.run == id_:
            trace.close(error)
            return
        if error is not None:
            trace.end(_reply(id_), error)
        trace.end(id_, error)


class _Events(BaseEventHandler):
    _traces: Traces = PrivateAttr()

    def __init__(self, traces: Traces) -> None:
        super().__init__()
        self._traces = traces

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the handler."""
        return "AlirTraces"

    def handle(self, event: Any, **_: Any) -> None:
        """Handle an event."""
        if (trace := _own(self._traces)) is None:
            return
        match event:
            case LLMChatStartEvent(span_id=str(call), model_dict=model) if trace.has(call):
                name = str(model.get("model_name", ""))
                trace.begin(
                    _reply(call),
                    f"chat {name}".strip(),
                    within=call,
                    kind=SpanKind.CLIENT,
                    attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": name},
                )
            case LLMChatEndEvent(span_id=str(call)):
                trace.end(_reply(call))
            case ExceptionEvent(span_id=str(call), exception=error):
                trace.end(_reply(call), error)


def _own(traces: Traces) -> Trace | None:
    """Return the current trace, if it is one of `traces`."""
    trace = current.get()
    return trace if trace is not None and trace.traces is traces else None


def _reply(call: str) -> str:
    """Return the key of a reply's span, which may end long after the call has returned."""
    return f"reply to {call}"


def _attributes(
    instance: object, bound_args: inspect.BoundArguments
) -> Mapping[str, AttributeValue] | None:
    """Return the attributes of a call: for an embedding, its model and the number of texts."""
    if not isinstance(instance, BaseEmbedding):
        return None
    texts = bound_args.arguments.get("texts")
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.request.model": instance.model_name,
        "alir.texts": len(texts) if isinstance(texts, list) else 1,
    }
    return attributes
