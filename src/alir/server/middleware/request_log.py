"""A line of the log for each request, and an id that a client can name it by."""

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alir.server.telemetry.logs import request_id

REQUEST_ID = "X-Request-ID"
_LONGEST_PATH = 300
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_log = logging.getLogger("alir.requests")


class RequestLogMiddleware:
    """Gives each request an id, and logs it when it has been answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        own_id = given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(8)
        token = request_id.set(own_id)
        started = time.perf_counter()
        status = size_bytes = 0

        async def sent(message: Message) -> None:
            nonlocal status, size_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = own_id
            elif message["type"] == "http.response.body":
                size_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            who = scope.get("state", {}).get("caller")
            line = {
                "method": scope["method"],
                "path": scope["path"][:_LONGEST_PATH],
                "status": status,
                "seconds": round(time.perf_counter() - started, 4),
                "bytes": size_bytes,
                "client": (scope.get("client") or ("",))[0],
                "key": who.key if who else "",
                "tenant": who.tenant.name if who else "",
            }
            _log.info("request", extra={"request": line})
            request_id.reset(token)
