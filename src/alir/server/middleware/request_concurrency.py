"""A limit on the requests that are served at once, and on those that start in one turn."""

import asyncio
from collections import deque
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from alir.server.problems import refusal

MAX_REQUESTS = 1000
STARTS_PER_TURN = 2
"""Requests that start in one turn of the event loop. Refusing one takes a third of a millisecond:
with more, refused requests would take time from those that are answered."""
RETRY_AFTER_S = 2


class RequestConcurrencyMiddleware:
    """Refuses requests above a limit, and starts only a few in each turn of the event loop.

    uvicorn could count connections, but it would answer 503, as if the service were down. And
    requests that came while the loop was busy would all start at once, and keep it busy.

    Args:
        open_paths: Paths that are always served: probes must see that the service is alive.
    """

    def __init__(
        self, app: ASGIApp, *, open_paths: Collection[str], max_requests: int = MAX_REQUESTS
    ) -> None:
        self._app = app
        self._open_paths = frozenset(open_paths)
        self._max_requests = max_requests
        self._active = 0
        self._started = 0
        """Requests that started in this turn."""
        self._queue: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        if self._active >= self._max_requests:
            detail = f"{self._max_requests} requests are being served, as many as may be."
            raise refusal(429, "Busy", detail, Retry_After=str(RETRY_AFTER_S))
        self._active += 1
        try:
            await self._wait_for_turn()
            await self._app(scope, receive, send)
        finally:
            self._active -= 1

    async def _wait_for_turn(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._started:
            loop.call_soon(self._start_next)
        if self._started < STARTS_PER_TURN:
            self._started += 1
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._queue.append(turn)
        await turn

    def _start_next(self) -> None:
        """Start the next requests, in order of arrival."""
        self._started = 0
        while self._queue and self._started < STARTS_PER_TURN:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                self._started += 1
        if self._started:
            asyncio.get_running_loop().call_soon(self._start_next)
