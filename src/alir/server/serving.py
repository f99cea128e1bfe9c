"""uvicorn, set up for a `Service`."""

import uvicorn
from starlette.types import ASGIApp


def server(app: ASGIApp, *, drain_s: int) -> uvicorn.Server:
    """Return what serves `app` on given sockets, without a word of its own.

    It counts no connections: what is too much is refused by the service, with 429 (`Crowd`).

    Args:
        drain_s: longest wait for the answers under way when it is told to stop.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=drain_s,
        )
    )
