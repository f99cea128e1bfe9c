"""The crowd: how many requests are served at once, and how many begun, of whatever kind."""

import asyncio
from collections import deque
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from alir.server.problems import refusal

MOST_REQUESTS = 1000
BEGUN_A_TURN = 2
"""Requests. To look whose they are and refuse them takes a third of a millisecond each: with more,
what is refused would leave less for what is answered."""
RETRY_AFTER_S = 2


class RequestConcurrencyMiddleware:
    """Refuses a request when `most` are being served; has a few begin in a turn of the event loop.

    uvicorn could count connections, but it would answer with 503, as if the service were down. And
    requests that came while the loop was busy would all begin at once, and keep it busy.

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
        self._begun = 0
        """In this turn."""
        self._next: deque[asyncio.Future[None]] = deque()

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
            await self._turn()
            await self._app(scope, receive, send)
        finally:
            self._served -= 1

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._begun:
            loop.call_soon(self._turned)
        if self._begun < BEGUN_A_TURN:
            self._begun += 1
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._next.append(turn)
        await turn

    def _turned(self) -> None:
        """Let the next ones begin, in the order they came."""
        self._begun = 0
        while self._next and self._begun < BEGUN_A_TURN:
            turn = self._next.popleft()
            if not turn.done():
                turn.set_result(None)
                self._begun += 1
        if self._begun:
            asyncio.get_running_loop().call_soon(self._turned)
