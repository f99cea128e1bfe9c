"""Traces, sent by OTLP: where the time of a request or an ingestion goes.

Of what anybody wrote there is nothing in them: a span has names of the code and of models, numbers,
kinds of errors, and a request's id.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.util.types import AttributeValue

FLUSH_S = 3.0
"""Longest wait, at the end, until what was traced is sent."""
EXPORT_TIMEOUT_S = 5.0
MAX_SPANS = 2000
"""Of a trace: a large ingestion has any number of steps."""

_log = logging.getLogger(__name__)


class Trace:
    """The spans of one request, or of one run that no request began."""

    def __init__(self, traces: "Traces", root: Span) -> None:
        self.traces = traces
        self.root = root
        self.run = ""
        """LlamaIndex's id of the run that it is of, where no request began it."""
        self._open: dict[str, tuple[Span, bool]] = {}
        """By a name of their caller's; and whether it is theirs, or that of what it is in."""
        self._spans = 0
        self.is_closed = False

    @property
    def id(self) -> str:
        """The trace's id, as W3C writes it."""
        return format(self.root.get_span_context().trace_id, "032x")

    def begin(
        self,
        key: str,
        name: str | None,
        *,
        within: str | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        """Begin a span; without a name, what is in it is in the one around it."""
        if self.is_closed:
            return
        around, _ = self._open.get(within or "", (self.root, False))
        if name is None or self._spans >= MAX_SPANS:
            self._open[key] = around, False
            return
        self._spans += 1
        span = self.traces.tracer.start_span(
            name, context=set_span_in_context(around), kind=kind, attributes=attributes
        )
        self._open[key] = span, True

    def has(self, key: str) -> bool:
        """Return whether there is an open span of this key."""
        return key in self._open

    def end(self, key: str, error: BaseException | None = None) -> None:
        """End a span, if there is one."""
        span, is_own = self._open.pop(key, (self.root, False))
        if is_own:
            ended(span, error)

    def close(self, error: BaseException | None = None) -> None:
        """End them all; what comes later is none of it."""
        self.is_closed = True
        for key in [*self._open]:
            self.end(key)
        ended(self.root, error)


class Traces:
    """Sends the traces of one service to a collector, in the background.

    Args:
        endpoint: the collector's address; `/v1/traces` is put after it.
    """

    def __init__(self, endpoint: str) -> None:
        self._exporter = OTLPSpanExporter(
            f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_S
        )
        named = {SERVICE_NAME: "alir", SERVICE_VERSION: version("alir")}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self.tracer = self._provider.get_tracer("alir", version("alir"))

    def trace(self, name: str, *, kind: SpanKind, parent: Context | None = None) -> Trace:
        """Begin a trace, or a part of one that somebody else began."""
        # An empty context: not in whatever span happens to be around.
        around = Context() if parent is None else parent
        return Trace(self, self.tracer.start_span(name, context=around, kind=kind))

    @asynccontextmanager
    async def sent(self) -> AsyncIterator[None]:
        """Send what there is at the end, and then no more."""
        try:
            yield
        finally:
            # A thread that the process does not wait for: a collector may never answer.
            closing = threading.Thread(target=self._provider.shutdown, daemon=True)
            closing.start()
            await asyncio.to_thread(closing.join, FLUSH_S)
            if closing.is_alive():
                stop: Callable[[], None] = self._exporter.shutdown
                stop()
                _log.warning("The last traces were not taken within %g s.", FLUSH_S)


current: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace that what runs here belongs to."""


def ended(span: Span, error: BaseException | None) -> None:
    """End a span; of an error only its kind is kept, for its text may have anything in it."""
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
        if not isinstance(error, asyncio.CancelledError | GeneratorExit):
            span.set_status(Status(StatusCode.ERROR))
    span.end()
