"""Tracing, if it is set: OpenTelemetry is an extra, loaded only then."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from workflows import Workflow

from alir.errors import ExtraMissing

if TYPE_CHECKING:
    from alir.server.telemetry.traces import Traces


class Tracing:
    """The traces of one service, or none.

    Args:
        endpoint: where they are sent; None is nowhere.

    Raises:
        ExtraMissing: they are to be sent, and OpenTelemetry is not installed.
    """

    def __init__(self, endpoint: str | None) -> None:
        self._traces: Traces | None = None
        if endpoint is not None:
            try:
                from alir.server.telemetry.traces import Traces as Sent  # noqa: PLC0415  an extra
            except ModuleNotFoundError as error:
                name = (error.name or "").partition(".")[0]
                raise ExtraMissing("ALIR_OTLP_ENDPOINT", name, "otel") from error
            self._traces = Sent(endpoint)

    def layers(self, *, untraced: Collection[str]) -> list[Middleware]:
        """Return what requests go through; those of `untraced` paths have no trace."""
        if self._traces is None:
            return []
        from alir.server.middleware.tracing import TracingMiddleware  # noqa: PLC0415  an extra

        return [Middleware(TracingMiddleware, traces=self._traces, untraced=untraced)]

    @asynccontextmanager
    async def running(self, *, alone: Sequence[Workflow]) -> AsyncIterator[None]:
        """Trace while this lasts; a run of `alone` that no request began has its own trace."""
        if self._traces is None:
            yield
            return
        from alir.server.telemetry.trace_spans import traced_runs  # noqa: PLC0415  an extra

        async with self._traces.sent():
            with traced_runs(self._traces, alone=alone):
                yield
