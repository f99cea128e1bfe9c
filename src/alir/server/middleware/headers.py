"""Checks of a request's origin, and security headers for browsers."""

import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.server.problems import refusal

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""The headers of every response that does not set them itself."""
_HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
"""A Host in lower case: no user, no path, no odd character, of which two readers could make two
hosts."""
_SAFE = [(name.lower().encode(), value.encode()) for name, value in SAFE.items()]


class SecurityHeadersMiddleware:
    """Adds security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", [])
                own = {name for name, _ in headers}
                message["headers"] = [*headers, *(one for one in _SAFE if one[0] not in own)]
            await send(message)

        await self._app(scope, receive, sent if scope["type"] == "http" else send)


class SameOriginMiddleware:
    """Refuses requests that a browser sends for another site's page.

    Any page can send requests to a loopback address, and point its own name there (DNS rebinding).
    So both the requested host and the page's origin must be known.

    Args:
        hosts: The names of the service; empty allows any name.
        origins: The origins of pages that may use the service.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], origins: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "lifespan":
            self._check(Headers(scope=scope), scope.get("method", "GET"))
        await self._app(scope, receive, send)

    def _check(self, headers: Headers, method: str) -> None:
        host = headers.get("host", "").lower()
        if (named := _HOST.fullmatch(host)) is None:
            detail = "Host is a name or an address, and perhaps a port."
            raise refusal(400, "Bad Request", detail)
        if self._hosts and named["name"] not in self._hosts:
            detail = "The service is not known by this Host; ALIR_ALLOWED_HOSTS can name it."
            raise refusal(421, "Misdirected Request", detail)
        origin = headers.get("origin")
        if origin is not None:
            is_ours = origin in self._origins or origin.lower() in {
                f"http://{host}",
                f"https://{host}",
            }
        else:
            # A client that is no browser sends none, and no page can control it.
            is_ours = headers.get("sec-fetch-site", "none") in {"none", "same-origin"} or (
                # A link was followed: no other page can read the response.
                headers.get("sec-fetch-mode") == "navigate" and method in {"GET", "HEAD"}
            )
        if not is_ours:
            detail = "Pages of other origins may not use it; ALIR_CORS_ORIGINS can let one."
            raise refusal(403, "Cross-Site Request", detail)
