"""Counters of the service that become metrics when Prometheus asks."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from alir.app.application import Alir
from alir.concurrency.coalescer import CoalescerStats
from alir.concurrency.loop_lag import LoopLag
from alir.server.ingestion_queue import IngestionQueue
from alir.server.limits.rate_limiter import RateLimiter

Samples = Mapping[str, float]


class MetricsCollector(Collector):
    """Reads the counters of one service, on the event loop that calls Milvus."""

    def __init__(
        self, alir: Alir, rate_limiter: RateLimiter, queue: IngestionQueue, lag: LoopLag
    ) -> None:
        self._alir = alir
        self._rate_limiter = rate_limiter
        self._queue = queue
        self._lag = lag

    def collect(self) -> Iterator[Metric]:
        """Yield the present metrics."""
        yield InfoMetricFamily("alir", "Which alir this is.", {"version": version("alir")})
        limiter, queue = self._rate_limiter.question_limiter, self._queue
        yield _gauge("alir_questions_in_progress", "Questions under way.", limiter.active)
        allowed = limiter.allowed
        yield _gauge("alir_questions_limit", "Questions that may be under way now.", allowed)
        waiting = limiter.waiting
        yield _gauge("alir_questions_waiting", "Questions that wait for a place.", waiting)
        yield _gauge(
            "alir_ingestions_waiting",
            "Ingestions and deletions that have not ended, also the one under way.",
            queue.waiting,
        )
        refused = {"questions": limiter.refused, "requests": 0, "tokens": 0}
        yield _by(
            CounterMetricFamily,
            "alir_refused",
            "Requests refused because there was too much of something.",
            "too_many",
            refused | self._rate_limiter.refused | {"ingestions": queue.refused},
        )
        yield _gauge(
            "alir_event_loop_lag_worst_seconds",
            "Longest time the event loop was late in the last minute.",
            self._lag.worst_s,
        )
        store = self._alir.vector_store
        yield _by(
            CounterMetricFamily,
            "alir_milvus_errors",
            "Calls of Milvus that failed, each attempt.",
            "kind",
            store.connection.failures,
        )
        yield from _coalesced(store.coalesced)
        yield _by(
            GaugeMetricFamily,
            "alir_embedding_texts_waiting",
            "Texts that wait for the embedding model.",
            "of",
            self._alir.texts_waiting,
        )


def _coalesced(stats: Mapping[str, CoalescerStats]) -> Iterator[Metric]:
    sizes = HistogramMetricFamily(
        "alir_milvus_batch_size", "Items of one request to Milvus.", labels=["kind"]
    )
    for kind, one in stats.items():
        sizes.add_metric([kind], _buckets(one), one.items)
    yield sizes
    yield _by(
        GaugeMetricFamily,
        "alir_milvus_batch_largest",
        "Items of the largest request to Milvus.",
        "kind",
        {kind: one.largest_call for kind, one in stats.items()},
    )
    yield _by(
        GaugeMetricFamily,
        "alir_milvus_items_waiting",
        "Items that wait to be sent to Milvus.",
        "kind",
        {kind: one.waiting for kind, one in stats.items()},
    )
    yield _by(
        CounterMetricFamily,
        "alir_milvus_items_wait_seconds",
        "Seconds that items waited to be sent to Milvus, all together.",
        "kind",
        {kind: one.waited_s for kind, one in stats.items()},
    )


def _buckets(stats: CoalescerStats) -> list[tuple[str, float]]:
    """Return how many calls had at most 1, 3, 7, 15 ... items."""
    counts, calls = [], 0
    for bits in range(1, max(stats.sizes, default=0) + 1):
        calls += stats.sizes[bits]
        counts.append((str(2.0**bits - 1), float(calls)))
    return [*counts, ("+Inf", float(calls))]


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _by(
    kind: type[CounterMetricFamily] | type[GaugeMetricFamily],
    name: str,
    what: str,
    label: str,
    samples: Samples,
) -> Metric:
    family = kind(name, what, labels=[label])
    for value, number in samples.items():
        family.add_metric([value], number)
    return family
