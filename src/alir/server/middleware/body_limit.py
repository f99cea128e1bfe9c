"""A limit on the bodies of requests: in bytes, and in the time that they take."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.server.problems import ProblemException, refusal

MAX_BODY_BYTES = 256 * 1024
"""Of a request that is not an upload."""
LINGER_S = 2.0
"""Longest wait for the rest of a body that was refused."""
PATIENCE_S = 10.0
"""Longest wait for each piece of a body."""
SLOWEST_BYTES_PER_S = 16 * 1024
"""Of a body, after its first piece: a slow client occupies the service."""


class BodyLimitMiddleware:
    """Refuses bodies that are too large or too slow.

    Args:
        limits_by_path: The limits of paths that may exceed `MAX_BODY_BYTES`.
    """

    def __init__(
        self, app: ASGIApp, *, limits_by_path: Mapping[str, int], patience_s: float = PATIENCE_S
    ) -> None:
        self._app = app
        self._limits_by_path = limits_by_path
        self._patience_s = patience_s

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
        waited_s, size_bytes, is_whole = 0.0, 0, False

        async def received() -> Message:
            nonlocal waited_s, size_bytes, is_whole
            if is_whole:
                return await receive()  # it waits for the client to go
            # Only the wait for the client counts, not the work on the piece before.
            spare_s = self._patience_s + size_bytes / SLOWEST_BYTES_PER_S - waited_s
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
            return message

        await self._app(scope, received, send)


async def _pass_over(receive: Receive) -> None:
    """Read the rest of a body: a client that is cut off does not see the answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while (await receive()).get("more_body", False):
                pass


def _too_large(limit: int) -> ProblemException:
    detail = f"The body has more than {limit} bytes."
    return refusal(413, "Content Too Large", detail, Connection="close")
