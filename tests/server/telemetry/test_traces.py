"""Traces: a collector of OTLP gets a tree for each request, and nothing that anybody wrote."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from alir.server.telemetry import traces
from alir.server.telemetry.logs import JsonFormatter
from alir.testing import Fail, OpenAIServer, Say

TEXT = "The strait of Makassar divides two kinds of animals."
QUESTION = "What divides the animals of hunter2?"
REPLY = "The strait of Makassar divides them [1]."
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Collector:
    """Takes what is exported, over HTTP on loopback."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()
        self.may_answer = Event()
        self.may_answer.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.may_answer.wait(30)
                collector.bodies.append(body)
                collector.paths.add(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def spans(self) -> list[Span]:
        requests = map(ExportTraceServiceRequest.FromString, self.bodies)
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def tree(self, trace: str) -> dict[str, set[str]]:
        """Names of the spans of a trace, by the name of what each is in."""
        spans = [span for span in self.spans if span.trace_id.hex() == trace]
        names = {span.span_id: span.name for span in spans}
        found: dict[str, set[str]] = {}
        for span in spans:
            found.setdefault(names.get(span.parent_span_id, ""), set()).add(span.name)
        return found

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What `alir serve` would write to stderr of requests."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    requests = logging.getLogger("alir.requests")
    requests.addHandler(handler)
    requests.setLevel(logging.INFO)
    yield written
    requests.removeHandler(handler)
    requests.setLevel(logging.NOTSET)


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    thread = Thread(target=one.server.serve_forever, args=(0.01,))
    thread.start()
    yield one
    one.may_answer.set()
    one.server.shutdown()
    thread.join()
    one.server.server_close()


def told(span: Span) -> dict[str, Any]:
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in span.attributes
    }


async def test_a_request_is_a_tree_of_spans_with_nothing_that_anybody_wrote(
    serving: Callable[..., Any], collector: Collector, log: io.StringIO
) -> None:
    with OpenAIServer([Say(REPLY), Fail(400, "the prompt was hunter3")]) as model:
        async with serving(otlp_endpoint=collector.url, llm_base_url=model.base_url) as served:
            client = await served.caller("write")
            secret = client.headers["authorization"].split()[1]
            await served.hold(client, strait=TEXT)
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "mine"}
            stream = headers | {"Accept": "text/event-stream"}
            asked = await client.post("/v1/ask", json={"question": QUESTION}, headers=stream)
            failed = await client.post("/v1/ask", json={"question": QUESTION})
            await client.get(f"/v1/sources/{'0' * 32}?q=hunter2")
            await client.get("/health/ready")
            await client.get("/metrics")

    assert (asked.status_code, failed.status_code) == (200, 200)
    assert collector.paths == {"/v1/traces"}
    tree = collector.tree(TRACE)
    assert tree[""] == {"POST /v1/ask"}
    assert tree["POST /v1/ask"] == {"AskCorpus.run"}
    assert {"AskCorpus.plan", "Retrieval.search_dense", "AskCorpus.synthesize"} <= tree[
        "AskCorpus.run"
    ]
    assert tree["Retrieval.search_dense"] == {"HashEmbedding.aget_query_embedding"}
    assert "chat gpt-4.1-mini" in tree["AskCorpus.synthesize"]

    first, second = collector.named("POST /v1/ask")
    assert first.parent_span_id.hex() == PARENT
    assert first.kind == Span.SPAN_KIND_SERVER
    assert told(first) == {
        "http.request.method": "POST",
        "http.route": "/v1/ask",
        "http.response.status_code": 200,
        "alir.request_id": "mine",
    }
    assert second.trace_id != first.trace_id
    reply, refused = collector.named("chat gpt-4.1-mini")
    assert told(reply) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4.1-mini",
    }
    assert told(refused)["error.type"] == "BadRequestError"
    assert refused.status.code == 2
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano > 0 for span in collector.spans)

    # An ingestion that no request waits for has a trace of its own.
    [ingestion] = collector.named("IngestCorpus.run")
    assert ingestion.parent_span_id == b""
    assert {"IngestShard.run"} <= collector.tree(ingestion.trace_id.hex())["IngestCorpus.pump"]
    assert {span.name for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER} == {
        *("POST /v1/files", "GET /v1/ingestions/{id}", "POST /v1/ask", "GET /v1/sources/{id}")
    }

    sent = b"".join(collector.bodies)
    for word in ("hunter", "Makassar", "strait", "animals", secret, secret[-43:], "Passage"):
        assert word.encode() not in sent, word
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [one["path"] for one in lines if one.get("trace_id") == TRACE] == ["/v1/ask"]
    assert [one["path"] for one in lines if "trace_id" not in one] == ["/health/ready", "/metrics"]


async def test_a_collector_that_does_not_answer_holds_nobody_up(
    serving: Callable[..., Any],
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(traces, "FLUSH_S", 0.05)
    monkeypatch.setattr(traces, "MAX_SPANS", 3)
    collector.may_answer.clear()
    async with serving(otlp_endpoint=collector.url) as served:
        await served.hold(served.client, strait=TEXT)
        answer = await served.client.post("/v1/ask", json={"question": QUESTION})
    log = caplog.text
    collector.may_answer.set()

    assert answer.status_code == 200
    assert "The last traces were not taken within 0.05 s." in log
