"""Metrics of requests: each is counted when it has been answered."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.server.telemetry.request_metrics import RequestMetrics


class MetricsMiddleware:
    """Counts each request when it has been answered."""

    def __init__(self, app: ASGIApp, *, requests: RequestMetrics) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 0, perf_counter()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with self._requests.in_progress.track_inprogress():
                await self._app(scope, receive, sent)
        finally:
            self._requests.count(scope, status, perf_counter() - started)
