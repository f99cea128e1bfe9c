"""Metrics of requests, by the route's template, never by the path."""

from time import perf_counter

from prometheus_client import CollectorRegistry, Gauge, Histogram
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Counts and times the requests to one service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "alir_http_request_duration_seconds",
            "Requests, to the last byte of the answer; of a stream, to its end.",
            ["method", "route", "status"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.in_progress = Gauge(
            "alir_http_requests_in_progress", "Requests under way.", registry=registry
        )

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request; its status is 0 if there was no answer."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._seconds.labels(method, route_template(scope), str(status)).observe(seconds)


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


def route_template(scope: Scope) -> str:
    """Return the template of a request's route; empty if it has none.

    A request that the middleware refused has no route.
    """
    route = scope.get("route")
    if route is None:
        return ""
    of_mount: str = scope.get("root_path", "")
    # Without a route in a mounted application, only the mount is known.
    return of_mount if isinstance(route, Mount) else of_mount + str(getattr(route, "path", ""))
