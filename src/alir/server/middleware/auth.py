"""Authentication: every request gets a caller, or is refused before anything else runs."""

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
    """Finds the caller by the request's key; without a key, only open paths are served.

    Until the first key is made, every request has an admin key's rights if `allow_anonymous`.

    Args:
        root: The folder of all files; each tenant's folder is in it.
        open_paths: Paths that need no key.
        allow_anonymous: Whether to serve requests without a key while there is none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        database: ServiceDatabase,
        rate_limiter: RateLimiter,
        root: Path,
        open_paths: Collection[str],
        allow_anonymous: bool,
    ) -> None:
        self._app = app
        self._database = database
        self._rate_limiter = rate_limiter
        self._root = root
        self._open_paths = frozenset(open_paths)
        self._allow_anonymous = allow_anonymous

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan" or scope.get("path") in self._open_paths:
            await self._app(scope, receive, send)
            return
        caller = await self._find_caller(Headers(scope=scope))
        scope.setdefault("state", {})["caller"] = caller
        self._rate_limiter.count_request(caller.key)
        with self._rate_limiter.request_under_way(caller.key):
            await self._app(scope, receive, send)

    async def _find_caller(self, headers: Headers) -> Caller:
        secret = _secret(headers.get("authorization", ""))
        check = await self._database.read_committed(keys.check_secret, secret)
        if (key := check.key) is not None:
            folder = self._root / key.tenant if key.tenant else self._root
            return Caller(key.id, key.scope, Tenant(key.tenant, folder))
        if self._allow_anonymous and not check.any_exist:
            return Caller("", "admin", Tenant("", self._root))
        detail = "Send a key that is in use, with Authorization: Bearer; alir keys add makes one."
        # A browser asks the person for a password; it knows no other scheme.
        scheme = "Basic" if headers.get("sec-fetch-mode") == "navigate" else "Bearer"
        challenge = f'{scheme} realm="alir"'
        raise refusal(401, "Key Needed", detail, WWW_Authenticate=challenge)


def _secret(authorization: str) -> str | None:
    """Return the secret of a header: a bearer token, or the password of any user."""
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
