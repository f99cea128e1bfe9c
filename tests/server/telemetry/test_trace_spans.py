"""LlamaIndex's spans inside a trace."""

from llama_index.core.base.embeddings.base import BaseEmbedding
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from alir.models.secret_url import SecretUrl
from alir.server.telemetry.trace_spans import traced_runs
from alir.server.telemetry.traces import Traces, current
from alir.testing import HashEmbedding


async def test_a_call_inside_a_trace_is_a_span_with_counts_and_no_text() -> None:
    traces, spans = Traces(SecretUrl("http://127.0.0.1:9")), InMemorySpanExporter()
    traces._provider.add_span_processor(SimpleSpanProcessor(spans))
    model: BaseEmbedding = HashEmbedding()
    with traced_runs(traces, roots=[]):
        await model.aget_text_embedding_batch(["outside of a trace"])
        trace = traces.trace("a", kind=SpanKind.INTERNAL)
        token = current.set(trace)
        await model.aget_text_embedding_batch(["hunter2", "b"])
        current.reset(token)
        trace.close()

    finished = spans.get_finished_spans()
    assert {span.name.partition(".")[2] for span in finished} >= {"aget_text_embedding_batch"}
    assert max(int((one.attributes or {}).get("alir.texts", 0)) for one in finished) == 2
    assert "hunter2" not in str([span.attributes for span in finished])
    assert {span.context.trace_id for span in finished if span.context} == {int(trace.id, 16)}
