"""Traces of requests and ingestions, sent by OTLP.

A span has no text of a user or document: only names of code and models, numbers, types of errors
and the request's id.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from importlib.metadata import version
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.util.types import AttributeValue

from alir.models.secret_url import SecretUrl

FLUSH_S = 3.0
"""Longest wait, at the end, until the last spans are sent."""
EXPORT_TIMEOUT_S = 5.0
MAX_SPANS = 2000
"""The most spans of one trace: a large ingestion has any number of steps."""

_log = logging.getLogger(__name__)


class Trace:
    """The spans of one request, or of one run outside a request."""

    def __init__(self, traces: "Traces", root: Span) -> None:
        self.traces = traces
        self.root = root
        self.run = ""
        """LlamaIndex's id of the run, if it runs outside a request."""
        self._open: dict[str, tuple[Span, bool]] = {}
        """Open spans by key; and whether the span is the key's own, or the one around it."""
        self._spans = 0
        self.is_closed = False

    @property
    def id(self) -> str:
        """The trace's id, in the form of W3C."""
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
        """Begin a span; without a name, spans inside it belong to the one around it."""
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
        """Return whether a key has an open span."""
        return key in self._open

    def end(self, key: str, error: BaseException | None = None) -> None:
        """End the span of a key, if there is one."""
        span, is_own = self._open.pop(key, (self.root, False))
        if is_own:
            ended(span, error)

    def close(self, error: BaseException | None = None) -> None:
        """End all spans; later ones are ignored."""
        self.is_closed = True
        for key in [*self._open]:
            self.end(key)
        ended(self.root, error)


class Traces:
    """Sends the traces of one service to a collector, in the background.

    Args:
        endpoint: the collector's address; `/v1/traces` is put after its path.
    """

    def __init__(self, endpoint: SecretUrl) -> None:
        parts = urlsplit(endpoint.get_secret_value())
        address = parts._replace(path=f"{parts.path.rstrip('/')}/v1/traces").geturl()
        self._exporter = OTLPSpanExporter(address, timeout=EXPORT_TIMEOUT_S)
        named = {SERVICE_NAME: "alir", SERVICE_VERSION: version("alir")}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self.tracer = self._provider.get_tracer("alir", version("alir"))

    def trace(self, name: str, *, kind: SpanKind, parent: Context | None = None) -> Trace:
        """Begin a trace, or continue the client's trace."""
        # An empty context: not the span that happens to be current.
        around = Context() if parent is None else parent
        return Trace(self, self.tracer.start_span(name, context=around, kind=kind))

    @asynccontextmanager
    async def sent(self) -> AsyncIterator[None]:
        """Send the last spans at the end, and close the exporter."""
        try:
            yield
        finally:
            # A daemon thread: a collector may never answer.
            closing = threading.Thread(target=self._provider.shutdown, daemon=True)
            closing.start()
            await asyncio.to_thread(closing.join, FLUSH_S)
            if closing.is_alive():
                stop: Callable[[], None] = self._exporter.shutdown
                stop()
                _log.warning("The last traces were not taken within %g s.", FLUSH_S)


current: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace of the current context."""


def ended(span: Span, error: BaseException | None) -> None:
    """End a span; only the type of an error is recorded, for its text may hold anything."""
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
        if not isinstance(error, asyncio.CancelledError | GeneratorExit):
            span.set_status(Status(StatusCode.ERROR))
    span.end()
