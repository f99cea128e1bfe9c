"""Cancellation of MCP tool calls by their number, for hosts of the older protocol.

A newer host closes the response's stream. An older one names the call in another request, and all
hosts count from 1. So a host is identified by its key and by a label, which it gets as its session
id. Only active calls are kept for a label. A label that a host made up gives it nothing, and ends
no other host's calls.
"""

import secrets

import anyio
from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import Message, Scope, Send

from alir.server.auth.caller import caller
from alir.server.mcp.protocol import Context

LABEL = "Mcp-Session-Id"
VERSION = "MCP-Protocol-Version"
CANCELLED = -32800
"""The error code for a call that its host has cancelled."""

_Call = tuple[str, str, str]
"""The host's key, its label, and the number of the call."""


class CancellationMiddleware:
    """Cancels calls of older hosts; a middleware of the SDK's server."""

    def __init__(self) -> None:
        self._active: dict[_Call | None, anyio.CancelScope] = {}

    async def __call__(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Handle a message, or the cancellation of an active call."""
        if ctx.method == "notifications/cancelled":
            cancelled = self._call_of(ctx, (ctx.params or {}).get("requestId"))
            if cancelled in self._active:
                self._active[cancelled].cancel()
        call = self._call_of(ctx, ctx.request_id)
        if ctx.method != "tools/call" or call is None:
            return await call_next(ctx)
        with anyio.CancelScope() as scope:
            self._active[call] = scope
            try:
                return await call_next(ctx)
            finally:
                if self._active.get(call) is scope:
                    del self._active[call]
        raise MCPError(CANCELLED, "The call was cancelled.")

    @staticmethod
    def _call_of(context: Context, number: object) -> _Call | None:
        """Return the key of a call; None if the host has no label."""
        request = context.request
        assert isinstance(request, Request)  # noqa: S101  the SDK types it as Any
        label = request.headers.get(LABEL)
        return (caller(request).key, label, str(number)) if label else None


def add_label(scope: Scope, send: Send) -> Send:
    """Return a `send` that gives a label to a host without one; only older hosts need it."""
    headers = Headers(scope=scope)
    if VERSION in headers or LABEL in headers:
        return send

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)[LABEL] = secrets.token_urlsafe(16)
        await send(message)

    return sent
