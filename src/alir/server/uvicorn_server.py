"""uvicorn, configured for the service."""

import uvicorn
from starlette.types import ASGIApp

from alir.server.connections.http_protocol import BoundedHttpProtocol


def server(app: ASGIApp, *, drain_s: int) -> uvicorn.Server:
    """Return a server for an application; it logs nothing itself.

    It has no limit on connections: `RequestConcurrencyMiddleware` refuses requests with 429.

    Args:
        drain_s: Longest wait, at a stop, for open requests.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http=BoundedHttpProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=drain_s,
        )
    )
