"""Tracing, if it is configured; only then is OpenTelemetry, an extra, loaded."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from workflows import Workflow

from alir.errors import ExtraMissing
from alir.models.secret_url import SecretUrl

if TYPE_CHECKING:
    from alir.server.telemetry.traces import Traces


class Tracing:
    """The tracing of one service.

    Args:
        endpoint: The collector's address; None turns tracing off.

    Raises:
        ExtraMissing: Tracing is on, and OpenTelemetry is not installed.
    """

    def __init__(self, endpoint: SecretUrl | None) -> None:
        self._traces: Traces | None = None
        if endpoint is not None:
            try:
                from alir.server.telemetry.traces import Traces as OtlpTraces  # noqa: PLC0415
            except ModuleNotFoundError as error:
                name = (error.name or "").partition(".")[0]
                raise ExtraMissing("ALIR_OTLP_ENDPOINT", name, "otel") from error
            self._traces = OtlpTraces(endpoint)

    def middleware(self, *, untraced: Collection[str]) -> list[Middleware]:
        """Return the middleware that traces requests, except those of `untraced` paths."""
        if self._traces is None:
            return []
        from alir.server.middleware.tracing import TracingMiddleware  # noqa: PLC0415  an extra

        return [Middleware(TracingMiddleware, traces=self._traces, untraced=untraced)]

    @asynccontextmanager
    async def running(self, *, roots: Sequence[Workflow]) -> AsyncIterator[None]:
        """Trace inside the context; a run of `roots` outside a request gets a trace of its own."""
        if self._traces is None:
            yield
            return
        from alir.server.telemetry.trace_spans import traced_runs  # noqa: PLC0415  an extra

        async with self._traces.sent():
            with traced_runs(self._traces, roots=roots):
                yield
