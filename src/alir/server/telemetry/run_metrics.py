"""Metrics of workflows and models, from LlamaIndex's instrumentation.

So each question counts, whether it came over `/v1`, OpenAI's protocol or another way.
"""

import asyncio
import inspect
from collections.abc import Mapping
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.exception import ExceptionEvent
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMChatStartEvent
from llama_index.core.llms import LLM
from prometheus_client import CollectorRegistry, Counter, Histogram
from pydantic import PrivateAttr
from workflows import Workflow

from alir.events.ask import Answer
from alir.events.ingest import IngestReport
from alir.events.search import Passages
from alir.server.telemetry.listening import SpanListener, listening

STAGE_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
RUN_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
OUTCOMES = ("added", "updated", "moved", "deleted", "unchanged")
"""Outcomes of files, besides failure."""


class RunMetrics:
    """Counts the runs of one `Alir` and the calls of its models.

    Args:
        parts: Workflows, embeddings and the language model, with the names to count them under;
            several may share a name.
    """

    def __init__(self, registry: CollectorRegistry, parts: list[tuple[str, object]]) -> None:
        self._names: Mapping[int, str] = {id(one): name for name, one in parts}
        self._parts = parts  # kept, so that no other object gets one of these ids
        self._streams: dict[str, float] = {}
        self._runs = Counter(
            "alir_runs", "Runs of workflows.", ["workflow", "outcome"], registry=registry
        )
        self._degraded = Counter(
            "alir_degraded",
            "Answers and searches in which something did not work as it should.",
            ["workflow"],
            registry=registry,
        )
        self._run_seconds = Histogram(
            "alir_run_duration_seconds",
            "Runs of workflows that came to their end.",
            ["workflow"],
            buckets=RUN_BUCKETS_S,
            registry=registry,
        )
        self._stage_seconds = Histogram(
            "alir_stage_duration_seconds",
            "Stages of answers and searches.",
            ["workflow", "stage"],
            buckets=STAGE_BUCKETS_S,
            registry=registry,
        )
        self._ingest_seconds = Counter(
            "alir_ingest_stage_seconds",
            "Seconds in the stages of ingestions, summed over what ran in parallel.",
            ["stage"],
            registry=registry,
        )
        self._files = Counter(
            "alir_ingested_files", "Files, by what became of them.", ["outcome"], registry=registry
        )
        self._chunks = Counter(
            "alir_ingested_chunks",
            "Chunks written, by whether their vector was computed or held already.",
            ["vector"],
            registry=registry,
        )
        self._model_seconds = Histogram(
            "alir_language_model_duration_seconds",
            "Calls of the language model, to the end of its reply.",
            buckets=RUN_BUCKETS_S,
            registry=registry,
        )
        self._errors = Counter(
            "alir_errors",
            "Runs and calls of models that failed, by the kind of the error.",
            ["part", "kind"],
            registry=registry,
        )

    def listening(self) -> AbstractContextManager[None]:
        """Listen to LlamaIndex inside the context."""
        spans = _Spans(self)
        return listening(spans, _Events(self, spans))

    def name_of(self, instance: object) -> str | None:
        """Return the name that an object is counted under; None if it is not counted."""
        return self._names.get(id(instance))

    def run_ended(self, workflow: str, result: object) -> None:
        """Count the result of a run; None is a cancelled run."""
        self._runs.labels(workflow, "cancelled" if result is None else "done").inc()
        if isinstance(result, IngestReport):
            self._ingested(result)
        if isinstance(result, Answer | Passages | IngestReport):
            self._run_seconds.labels(workflow).observe(result.seconds["total"])
        if isinstance(result, Answer | Passages):
            self._degraded.labels(workflow).inc(bool(result.degraded))
            for stage, seconds in result.seconds.items():
                if stage != "total":
                    self._stage_seconds.labels(workflow, stage).observe(seconds)

    def count_failure(
        self, part: str, error: BaseException | None, *, is_run: bool = False
    ) -> None:
        """Count a failed run or call of a model; a cancelled call is not a failure."""
        was_given_up = isinstance(error, asyncio.CancelledError | GeneratorExit)
        if is_run:
            self._runs.labels(part, "cancelled" if was_given_up else "failed").inc()
        if not was_given_up:
            self._errors.labels(part, type(error).__name__).inc()

    def model_called(self, call: str) -> None:
        """Start the clock of a call of the language model."""
        self._streams[call] = perf_counter()

    def model_replied(self, call: str, error: BaseException | None = None) -> None:
        """Count a finished or failed reply of the language model."""
        if (started := self._streams.pop(call, None)) is None:
            return
        if error is None:
            self._model_seconds.observe(perf_counter() - started)
        else:
            self.count_failure("language_model", error)

    def _ingested(self, report: IngestReport) -> None:
        for stage, seconds in report.seconds.items():
            if stage != "total":
                self._ingest_seconds.labels(stage).inc(seconds)
        for outcome in OUTCOMES:
            self._files.labels(outcome).inc(getattr(report, outcome))
        self._files.labels("failed").inc(len(report.failed))
        self._chunks.labels("computed").inc(report.embedded)
        self._chunks.labels("reused").inc(report.reused)


class _Spans(SpanListener):
    """Counts the runs of workflows and the calls of models that end."""

    _metrics: RunMetrics = PrivateAttr()
    _calls: set[str] = PrivateAttr(default_factory=set)
    """Calls of the language model that have not returned."""

    def __init__(self, metrics: RunMetrics) -> None:
        super().__init__()
        self._metrics = metrics

    @property
    def calls(self) -> set[str]:
        """The calls of the language model that have not returned."""
        return self._calls

    def span_enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(instance, LLM) and self._metrics.name_of(instance):
            self._calls.add(id_)

    def span_exit(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        result: Any | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(instance, LLM):
            self._calls.discard(id_)
        elif isinstance(instance, Workflow) and (name := self._metrics.name_of(instance)):
            self._metrics.run_ended(name, result)

    def span_drop(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(instance, LLM):
            self._calls.discard(id_)
            self._metrics.model_replied(id_, err)
        elif isinstance(instance, Workflow) and (name := self._metrics.name_of(instance)):
            self._metrics.count_failure(name, err, is_run=True)
        elif (
            isinstance(instance, BaseEmbedding)
            and not _is_inner(id_)
            and (name := self._metrics.name_of(instance))
        ):
            self._metrics.count_failure(name, err)


class _Events(BaseEventHandler):
    """Times the replies of the language model, which may stream."""

    _metrics: RunMetrics = PrivateAttr()
    _spans: _Spans = PrivateAttr()

    def __init__(self, metrics: RunMetrics, spans: _Spans) -> None:
        super().__init__()
        self._metrics = metrics
        self._spans = spans

    @classmethod
    def class_name(cls) -> str:
        """Return the name of the handler."""
        return "AlirMetrics"

    def handle(self, event: Any, **_: Any) -> None:
        """Handle an event."""
        match event:
            case LLMChatStartEvent(span_id=str(call)) if call in self._spans.calls:
                self._metrics.model_called(call)
            case LLMChatEndEvent(span_id=str(call)):
                self._metrics.model_replied(call)
            case ExceptionEvent(span_id=str(call), exception=error):
                self._metrics.model_replied(call, error)


def _is_inner(id_: str) -> bool:
    """Return whether another call of the same object made a call: `Class._name-id`."""
    return id_.partition(".")[2].startswith("_")
