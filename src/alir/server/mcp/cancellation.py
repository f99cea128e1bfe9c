"""Calls of MCP's tools that are cancelled by their number, as the older protocol has it.

A host of the newer one closes the answer's stream. An older one says in a request of its own which
of its calls it means, and hosts all count from 1. So it is told apart by its key, and by a label
that it is given in the place of a session's id. Nothing is kept for a label but the calls under
way. One that was never given out is as good as any: it opens nothing, and ends no other's calls.
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
"""What an older host is answered that has cancelled a call, and no longer listens for it."""

_Call = tuple[str, str, str]
"""Of a host: its key, its label, and the call's number."""


class CancellationMiddleware:
    """The calls under way of older hosts; a middleware of the SDK's server."""

    def __init__(self) -> None:
        self._under_way: dict[_Call | None, anyio.CancelScope] = {}

    async def __call__(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Let a message pass; end the call that it cancels, if it does."""
        if ctx.method == "notifications/cancelled":
            meant = self._named(ctx, (ctx.params or {}).get("requestId"))
            if meant in self._under_way:
                self._under_way[meant].cancel()
        call = self._named(ctx, ctx.request_id)
        if ctx.method != "tools/call" or call is None:
            return await call_next(ctx)
        with anyio.CancelScope() as scope:
            self._under_way[call] = scope
            try:
                return await call_next(ctx)
            finally:
                if self._under_way.get(call) is scope:
                    del self._under_way[call]
        raise MCPError(CANCELLED, "The call was cancelled.")

    @staticmethod
    def _named(context: Context, number: object) -> _Call | None:
        """Return what a call is known by; None where the host has no label."""
        request = context.request
        assert isinstance(request, Request)  # noqa: S101  the SDK types it as Any
        label = request.headers.get(LABEL)
        return (caller(request).key, label, str(number)) if label else None


def labelled(scope: Scope, send: Send) -> Send:
    """Return `send` so that it gives a label to an older host that has none: it has just come."""
    headers = Headers(scope=scope)
    if VERSION in headers or LABEL in headers:
        return send

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)[LABEL] = secrets.token_urlsafe(16)
        await send(message)

    return sent
