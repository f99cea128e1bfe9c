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
from alir.server.mcp.cancellation import LABEL, VERSION, CancellationMiddleware, labelled
from alir.server.mcp.protocol import Context, McpTransport, protocol
from alir.server.problems import problem_of, refusal
from alir.server.schemas.problems import MCP_PATH

SCOPE: KeyScope = "read"
HEADERS = [VERSION, LABEL, "Mcp-Method", "Mcp-Name"]
"""That a page sends which speaks it."""


class McpHttpTransport:
    """Answers MCP's requests with one `Alir`, each for the tenant of the key it bears."""

    def __init__(self, app: Alir, limits: RateLimiter) -> None:
        door = McpTransport(_caller, limits.question, lambda error: problem_of(error).detail)
        server = protocol(app, door)
        server.middleware.append(CancellationMiddleware())
        self._requests = StreamableHTTPSessionManager(server, stateless=True)

    def route(self) -> Route:
        """Return its route; only POST has a meaning without sessions."""
        return Route(MCP_PATH, self, methods=["POST"])

    def running(self) -> AbstractAsyncContextManager[None]:
        """Serve as long as this is entered, which it can be once."""
        return self._requests.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not allows(caller(Request(scope)).scope, SCOPE):
            raise refusal(403, "Scope Too Small", f"This needs a key of the scope {SCOPE}.")
        await self._requests.handle_request(scope, receive, labelled(scope, send))


def _caller(context: Context) -> Caller:
    request = context.request
    assert isinstance(request, Request)  # noqa: S101  the SDK types it as Any
    return caller(request)
