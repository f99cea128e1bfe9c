"""The tracing of requests: a span for each, named by its route."""

import httpx
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alir.models.secret_url import SecretUrl
from alir.server.middleware.tracing import TracingMiddleware
from alir.server.telemetry.traces import Traces

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_a_request_is_a_span_of_its_clients_trace_and_a_probe_is_none() -> None:
    async def answer(_: Request) -> Response:
        return Response(status_code=503)

    traces, spans = Traces(SecretUrl("http://127.0.0.1:9")), InMemorySpanExporter()
    traces._provider.add_span_processor(SimpleSpanProcessor(spans))
    app = Starlette(routes=[Route("/of/{name}", answer), Route("/live", answer)])
    traced = TracingMiddleware(app, traces=traces, untraced=["/live"])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(traced), base_url="http://test"
    ) as client:
        await client.get("/live")
        await client.get("/of/hunter2", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})

    [span] = spans.get_finished_spans()
    assert span.name == "GET /of/{name}"
    assert span.context is not None
    assert format(span.context.trace_id, "032x") == TRACE
    assert not span.status.is_ok
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 503
    assert "hunter2" not in str(span.attributes)
