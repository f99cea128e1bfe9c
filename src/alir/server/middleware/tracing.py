"""A trace for each request; it continues the client's trace, if there is one (W3C)."""

from collections.abc import Collection

from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.server.middleware.metrics import METHODS, route_template
from alir.server.middleware.request_log import REQUEST_ID
from alir.server.telemetry.logs import trace_id
from alir.server.telemetry.traces import Traces, current

NAMED_BY_CLIENTS = ("traceparent", "tracestate")


class TracingMiddleware:
    """Traces each request, except those of `untraced` paths."""

    def __init__(self, app: ASGIApp, *, traces: Traces, untraced: Collection[str]) -> None:
        self._app = app
        self._traces = traces
        self._untraced = frozenset(untraced)
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in self._untraced:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = {name: headers[name] for name in NAMED_BY_CLIENTS if name in headers}
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        parent = self._propagator.extract(given) if given else None
        trace = self._traces.trace(method, kind=SpanKind.SERVER, parent=parent)
        span = trace.root
        span.set_attribute("http.request.method", method)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                request_id = Headers(raw=message["headers"]).get(REQUEST_ID, "")
                span.set_attribute("alir.request_id", request_id)
                if message["status"] >= 500:
                    span.set_status(Status(StatusCode.ERROR))
            await send(message)

        tokens = current.set(trace), trace_id.set(trace.id)
        try:
            await self._app(scope, receive, sent)
        finally:
            current.reset(tokens[0])
            trace_id.reset(tokens[1])
            if route := route_template(scope):
                span.set_attribute("http.route", route)
                span.update_name(f"{method} {route}")
            trace.close()
