"""Access: every request has a caller, or is refused before anything else looks at it."""

import base64
from collections.abc import Collection
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from alir.server.auth.caller import Caller, Tenant
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.problems import refusal
from alir.storage import keys
from alir.storage.service_database import ServiceDatabase


class AuthMiddleware:
    """Finds whose key a request bears; without one, only open paths are served.

    As long as no key was ever made, every request is the house's, if `may_be_open`.

    Args:
        root: the folder of the house; those of tenants are in it.
        open_paths: those that need no key.
        may_be_open: whether only this machine can reach the service.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        database: ServiceDatabase,
        limits: RateLimiter,
        root: Path,
        open_paths: Collection[str],
        may_be_open: bool,
    ) -> None:
        self._app = app
        self._database = database
        self._limits = limits
        self._root = root
        self._open_paths = frozenset(open_paths)
        self._may_be_open = may_be_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan" or scope.get("path") in self._open_paths:
            await self._app(scope, receive, send)
            return
        who = await self._caller(Headers(scope=scope))
        scope.setdefault("state", {})["caller"] = who
        self._limits.admit(who.key)
        await self._app(scope, receive, send)

    async def _caller(self, headers: Headers) -> Caller:
        secret = _secret(headers.get("authorization", ""))
        presented = await self._database.read_committed(keys.check_secret, secret)
        if (key := presented.key) is not None:
            folder = self._root / key.tenant if key.tenant else self._root
            return Caller(key.id, key.scope, Tenant(key.tenant, folder))
        if self._may_be_open and not presented.any_exist:
            return Caller("", "admin", Tenant("", self._root))
        detail = "Send a key that is in use, with Authorization: Bearer; alir keys add makes one."
        # A person who opens the page is asked for it; browsers know no other scheme.
        scheme = "Basic" if headers.get("sec-fetch-mode") == "navigate" else "Bearer"
        challenge = f'{scheme} realm="alir"'
        raise refusal(401, "Key Needed", detail, WWW_Authenticate=challenge)


def _secret(authorization: str) -> str | None:
    """Return the secret that is presented: a bearer's, or the password of whatever user."""
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
            except ValueError:
                return None
    return None
