"""MCP over HTTP: its "streamable" transport, at one path, without sessions.

Each request is complete in itself: no session can be taken over, or is lost with a restart. A host
that goes away ends its calls.
"""

from contextlib import AbstractAsyncContextManager

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from alir.app.application import Alir
from alir.models.key_scope import Scope as KeyScope
from alir.models.key_scope import allows
from alir.server.auth.caller import Caller, caller
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.mcp.cancellation import CancellationMiddleware, add_label
from alir.server.mcp.protocol import Context, McpTransport, mcp_server
from alir.server.problems import problem_of, refusal
from alir.server.schemas.problems import MCP_PATH

SCOPE: KeyScope = "read"


class McpHttpTransport:
    """Answers MCP's requests with one `Alir`, each for the tenant of its key."""

    def __init__(self, app: Alir, rate_limiter: RateLimiter) -> None:
        transport = McpTransport(
            _caller,
            rate_limiter.question_slot,
            lambda error, caller: problem_of(error, caller).detail,
        )
        server = mcp_server(app, transport)
        server.middleware.append(CancellationMiddleware())
        self._requests = StreamableHTTPSessionManager(server, stateless=True)

    def route(self) -> Route:
        """Return the route; without sessions only POST has a meaning."""
        return Route(MCP_PATH, self, methods=["POST"])

    def running(self) -> AbstractAsyncContextManager[None]:
        """Serve inside the context, which can be entered once."""
        return self._requests.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not allows(caller(Request(scope)).scope, SCOPE):
            raise refusal(403, "Scope Too Small", f"This needs a key of the scope {SCOPE}.")
        await self._requests.handle_request(scope, receive, add_label(scope, send))


def _caller(context: Context) -> Caller:
    request = context.request
    assert isinstance(request, Request)  # noqa: S101  the SDK types it as Any
    return caller(request)
