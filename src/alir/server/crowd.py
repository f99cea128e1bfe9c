"""The crowd: how many requests are served at once, of whatever kind."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from alir.server.problems import refusal

MOST_REQUESTS = 1000
RETRY_AFTER_S = 2


class Crowd:
    """Refuses a request when `most` are being served.

    uvicorn could count connections, but it would answer with 503, as if the service were down.

    Args:
        open_paths: those served always: whether the service lives must be seen, too.
    """

    def __init__(
        self, app: ASGIApp, *, open_paths: Collection[str], most: int = MOST_REQUESTS
    ) -> None:
        self._app = app
        self._open_paths = frozenset(open_paths)
        self._most = most
        self._served = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        if self._served >= self._most:
            detail = f"{self._most} requests are being served, as many as may be."
            raise refusal(429, "Busy", detail, Retry_After=str(RETRY_AFTER_S))
        self._served += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._served -= 1
