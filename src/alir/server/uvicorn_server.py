"""uvicorn, configured for the service: it accepts few enough connections, and stops in time."""

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from alir.server.connections import descriptors
from alir.server.connections.connection_limiter import WARNINGS, ConnectionLimiter
from alir.server.connections.http_protocol import BoundedHttpProtocol, problem_bytes
from alir.server.middleware.body_limit import PATIENCE_S

BACKLOG = 1024
ACCEPTS_PER_TURN = 16
RETRY_ACCEPT_S = 0.1
"""After no descriptor was left, or no memory."""
END_REQUESTS_S = 1.0
"""Longest wait for requests to end that were cancelled."""
STOP_S = 5.0
"""A stop takes no longer than this besides the wait for open requests."""
BUSY = "All connections are in use; try again."

_log = logging.getLogger("alir.server")


class ServiceServer(uvicorn.Server):
    """Accepts connections itself, so that it can refuse some, and bounds the time of a stop.

    asyncio's own accepting has no limit. When no descriptor is left it logs thousands of lines a
    second, and the work under way fails.

    Args:
        drain_s: Longest wait, at a stop, for open requests.
        patience_s: Longest wait for a request's head, and for a client to take its answer.
        max_connections: None is what the limit on descriptors allows.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        drain_s: float,
        patience_s: float,
        max_connections: int | None,
    ) -> None:
        super().__init__(config)
        self._drain_s = drain_s
        self._patience_s = patience_s
        self.limiter = ConnectionLimiter(max_connections or descriptors.max_connections())
        self._accepting: list[asyncio.Task[None]] = []
        self._connecting: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, and then accept connections."""
        await super().startup(sockets=[])
        for listener in sockets or []:
            listener.setblocking(False)
            listener.listen(BACKLOG)
            self._accepting.append(asyncio.create_task(self._accept(listener)))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a thread sees to it that the process ends in time."""
        if not self.should_exit:
            timer = threading.Timer(self._drain_s + STOP_S - 0.5, _end_process)
            timer.daemon = True
            timer.start()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: first accepting, then the requests, then the application."""
        await _cancel(self._accepting)
        for listener in sockets or []:
            listener.close()
        if self._connecting:
            await asyncio.wait(self._connecting, timeout=END_REQUESTS_S)
        for connection in [*self.server_state.connections]:
            connection.shutdown()
        await self._drain()
        await self._end_requests()
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _drain(self) -> None:
        """Wait for open requests, and for their clients to take the answers."""
        state, end_s = self.server_state, time.monotonic() + self._drain_s
        while (state.connections or state.tasks) and time.monotonic() < end_s:
            if self.force_exit:
                return
            await asyncio.sleep(0.05)

    async def _end_requests(self) -> None:
        """End what is open: a client whose answer has not begun is told that the service stops."""
        for connection in [*self.server_state.connections]:
            assert isinstance(connection, BoundedHttpProtocol)  # noqa: S101  it makes no others
            if connection.is_idle or connection.cycle.response_started:
                connection.abort()
        await asyncio.sleep(0)  # the applications see that their clients are gone
        await _cancel(self.server_state.tasks, timeout_s=END_REQUESTS_S)
        for connection in [*self.server_state.connections]:
            connection.transport.abort()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        accepted = 0
        while True:
            try:
                connection, address = await loop.sock_accept(listener)
            except ConnectionError:
                continue  # the client has gone again
            except OSError as error:
                WARNINGS.warn(f"No connection can be accepted: {error.strerror}.")
                self.limiter.close_idle()
                await asyncio.sleep(RETRY_ACCEPT_S)
                continue
            accepted += 1
            if self.limiter.make_room():
                self._connect(connection, address[0])
            else:
                _refuse(connection)
            if accepted % ACCEPTS_PER_TURN == 0:
                await asyncio.sleep(0)

    def _connect(self, connection: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()
        protocol = BoundedHttpProtocol(
            self.config,
            self.server_state,
            self.lifespan.state,
            limiter=self.limiter,
            patience_s=self._patience_s,
        )
        self.limiter.add(protocol, address)

        async def connect() -> None:
            try:
                await loop.connect_accepted_socket(lambda: protocol, connection)
            except OSError:  # it has gone again
                self.limiter.discard(protocol)
                connection.close()

        task = loop.create_task(connect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)


def server(
    app: ASGIApp,
    *,
    drain_s: float,
    patience_s: float = PATIENCE_S,
    max_connections: int | None = None,
) -> ServiceServer:
    """Return a server for an application; it logs nothing itself but warnings.

    `RequestConcurrencyMiddleware` refuses requests with 429 before connections are refused.

    Args:
        drain_s: Longest wait, at a stop, for open requests.
        patience_s: Longest wait for a request's head, and for a client to take its answer.
        max_connections: None is what the limit on descriptors allows.
    """
    logging.getLogger("uvicorn.error").addFilter(WARNINGS.filter)
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    return ServiceServer(
        config, drain_s=drain_s, patience_s=patience_s, max_connections=max_connections
    )


def _refuse(connection: socket.socket) -> None:
    """Answer a connection that is one too many, without reading from it."""
    WARNINGS.warn("A connection was refused: as many have requests under way as may be open.")
    with connection, suppress(OSError):
        connection.setblocking(False)
        connection.send(problem_bytes(429, BUSY, Retry_After="2"))
        connection.shutdown(socket.SHUT_WR)


async def _cancel(
    tasks: "Collection[asyncio.Task[None]]", *, timeout_s: float | None = None
) -> None:
    """Cancel tasks, and wait until they have ended."""
    cancelled = [*tasks]
    for task in cancelled:
        task.cancel()
    if cancelled:
        await asyncio.wait(cancelled, timeout=timeout_s)


def _end_process() -> None:
    """End this process as it stands: what it has acknowledged is on the disk."""
    _log.error("The service did not end in time after it was told to stop; it ends as it is.")
    os._exit(1)
