"""A limit on the bodies of requests: in bytes, and in the time that they take."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from time import monotonic

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.server.problems import ProblemException, refusal

MAX_BODY_BYTES = 256 * 1024
"""Of a request, where no path has a limit of its own."""
MAX_HELD_BYTES = 256 * 1024 * 1024
MAX_HELD_BYTES_OF_A_KEY = 64 * 1024 * 1024
"""Of the larger bodies that are held in memory at once, by all and by the requests of one key."""
RETRY_AFTER_S = 2
LINGER_S = 2.0
"""Longest wait for the rest of a body that was refused."""
PATIENCE_S = 10.0
"""Longest wait for each piece of a body."""
SLOWEST_BYTES_PER_S = 16 * 1024
"""Of a body, after its first piece: a slow client occupies the service."""
SLOWEST_LARGE_BYTES_PER_S = 256 * 1024
"""Of a body that is held in memory, after its first `MAX_BODY_BYTES`."""


class BodyLimitMiddleware:
    """Refuses bodies that are too large or too slow, and too many large ones at once.

    Args:
        limits_by_path: The limits of paths that may exceed `MAX_BODY_BYTES`.
        written: The paths whose bodies go to the disk as they come; others are held in memory
            until their request ends.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits_by_path: Mapping[str, int],
        written: Collection[str] = (),
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._app = app
        self._limits_by_path = limits_by_path
        self._written = frozenset(written)
        self._patience_s = patience_s
        self._held: Counter[str] = Counter()
        """Bytes of larger bodies, by key."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limits_by_path.get(scope["path"], MAX_BODY_BYTES)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            if "expect" not in Headers(scope=scope):
                await _pass_over(receive)
            raise _too_large(limit)
        is_held = scope["path"] not in self._written
        who = scope.get("state", {}).get("caller")
        key = who.key if who else ""
        waited_s, size_bytes, held_bytes, is_whole = 0.0, 0, 0, False

        async def received() -> Message:
            nonlocal waited_s, size_bytes, held_bytes, is_whole
            if is_whole:
                return await receive()  # it waits for the client to go
            # Only the wait for the client counts, not the work on the piece before.
            spare_s = self._patience_s + _longest_s(size_bytes, is_held) - waited_s
            began = monotonic()
            try:
                async with asyncio.timeout(min(self._patience_s, spare_s)):
                    message = await receive()
            except TimeoutError as error:
                detail = "The body came too slowly, or not to its end."
                raise refusal(408, "Request Timeout", detail, Connection="close") from error
            waited_s += monotonic() - began
            size_bytes += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if size_bytes > limit:
                await _pass_over(receive)
                raise _too_large(limit)
            if is_held and size_bytes > MAX_BODY_BYTES:
                more_bytes = size_bytes - held_bytes
                if not self._may_hold(key, more_bytes):
                    await _pass_over(receive)
                    raise _too_many()
                self._held[key] += more_bytes
                held_bytes = size_bytes
            return message

        try:
            await self._app(scope, received, send)
        finally:
            self._held[key] -= held_bytes
            if not self._held[key]:
                del self._held[key]

    def _may_hold(self, key: str, more_bytes: int) -> bool:
        of_key = self._held[key] + more_bytes
        return of_key <= MAX_HELD_BYTES_OF_A_KEY and (
            self._held.total() + more_bytes <= MAX_HELD_BYTES
        )


def _longest_s(size_bytes: int, is_held: bool) -> float:
    """Return how long so much of a body may take after its first piece."""
    if not is_held:
        return size_bytes / SLOWEST_BYTES_PER_S
    first = min(size_bytes, MAX_BODY_BYTES)
    return first / SLOWEST_BYTES_PER_S + (size_bytes - first) / SLOWEST_LARGE_BYTES_PER_S


async def _pass_over(receive: Receive) -> None:
    """Read the rest of a body: a client that is cut off does not see the answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while (await receive()).get("more_body", False):
                pass


def _too_large(limit: int) -> ProblemException:
    detail = f"The body has more than {limit} bytes."
    return refusal(413, "Content Too Large", detail, Connection="close")


def _too_many() -> ProblemException:
    detail = "Too many large bodies are being read; send this one again when others are done."
    again = str(RETRY_AFTER_S)
    return refusal(429, "Busy", detail, Retry_After=again, Connection="close")
