"""The metrics of the service, for Prometheus."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.requests import Request
from starlette.responses import Response

from alir.app.application import Alir
from alir.concurrency.loop_lag import LoopLag
from alir.server.auth.caller import caller
from alir.server.ingestion_queue import IngestionQueue
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.middleware.metrics import RequestMetrics
from alir.server.problems import refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.telemetry.metrics_collector import MetricsCollector
from alir.server.telemetry.run_metrics import RunMetrics

PATH = "/metrics"
OPENMETRICS = "application/openmetrics-text"
LAG_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The metrics of one service, with a registry of their own."""

    def __init__(
        self, alir: Alir, *, rate_limiter: RateLimiter, queue: IngestionQueue, lag: LoopLag
    ) -> None:
        self._alir = alir
        self.registry = CollectorRegistry(auto_describe=False)
        self.requests = RequestMetrics(self.registry)
        lags = Histogram(
            "alir_event_loop_lag_seconds",
            "How late the event loop was, each tenth of a second.",
            buckets=LAG_BUCKETS_S,
            registry=self.registry,
        )
        lag.listeners.append(lags.observe)
        self.registry.register(MetricsCollector(alir, rate_limiter, queue, lag))
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(
                "GET",
                PATH,
                self.get_metrics,
                "read",
                "Metrics, for Prometheus",
                "text/plain",
                other_media_types=(OPENMETRICS,),
            )
        ]

    @asynccontextmanager
    async def collecting(self) -> AsyncIterator[None]:
        """Count LlamaIndex's events inside the context."""
        alir = self._alir
        runs = RunMetrics(
            self.registry,
            [
                *(("ask", alir.ask), ("agent", alir.agent), ("search", alir.search)),
                ("ingest", alir.ingest),
                # Questions have views of the embedding model.
                *(("embedding", one.embedding) for one in (alir, alir.ask, alir.search)),
                *([("language_model", alir.llm)] if alir.llm is not None else []),
            ],
        )
        with runs.listening():
            yield

    async def get_metrics(self, request: Request) -> Response:
        """Return the metrics of the whole service; this needs an admin key, of no tenant.

        In Prometheus's text format, or in OpenMetrics if the client accepts it.
        """
        if caller(request).tenant.name:
            raise refusal(403, "Not A Tenant's", "This needs a key without a tenant.")
        # Not the client library's own parser of the header: it repeats parts of it in its answer.
        if OPENMETRICS in request.headers.get("accept", ""):
            write: Callable[[CollectorRegistry], bytes] = openmetrics.generate_latest
            return Response(write(self.registry), media_type=openmetrics.CONTENT_TYPE_LATEST)
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
