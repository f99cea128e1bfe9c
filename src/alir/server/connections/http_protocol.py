"""HTTP/1.1 for one connection, as strict about requests as it should be."""

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
import uvicorn
from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from alir.server.connections.connection_limiter import WARNINGS, ConnectionLimiter
from alir.server.middleware.body_limit import LINGER_S, SLOWEST_BYTES_PER_S
from alir.server.middleware.headers import SAFE
from alir.server.schemas.problems import Problem

MAX_HEAD_BYTES = 32 * 1024
"""Limit of a request's first line and headers, and of a chunked body's headers and trailers."""
MAX_TARGET_BYTES = 8 * 1024
"""Limit of a request's path and query."""
MAX_HEADERS = 100
LOW_WATER_BYTES = 16 * 1024
"""asyncio's: so little may be unsent when more of an answer is written."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 on httptools, which takes a third of h11's time, with h11's strictness on headers.

    uvicorn's own class accepts heads of any size and for any time, several hosts, and clients that
    never take their answer.

    Args:
        limiter: Knows the open connections.
        patience_s: Longest wait for a request's head, once it has begun or the connection is made;
            and for the client to take what it was sent, besides the time for its bytes.
    """

    url = b""
    _unread_bytes = 0
    """Bytes received since the last complete head or piece of a body."""
    _refusal = (400, "The request is no HTTP/1.1.")
    _head_timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None
    """Ends the wait for the client to take what it was sent."""
    _is_refused = False
    _is_aborted = False

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        limiter: ConnectionLimiter,
        patience_s: float,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._limiter = limiter
        self._patience_s = patience_s

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def abort(self) -> None:
        """Close the connection at once; what was not sent yet is lost."""
        self._is_aborted = True
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        if self._is_aborted:  # it was closed for another one before it was made
            transport.abort()
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what waits for the connection."""
        _cancel(self._head_timer)
        _cancel(self._reader_timer)
        self._limiter.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive bytes; headers that do not end are refused."""
        if self._is_refused:
            # A client that is cut off while it sends does not see the answer.
            self._unread_bytes += len(data)
            if self._unread_bytes > 3 * MAX_HEAD_BYTES:
                self.transport.abort()
            return
        if self.is_idle and self._head_timer is None:
            self._wait_for_head()
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._unread_bytes > MAX_HEAD_BYTES:
            self._refuse(431, f"A request's head has at most {MAX_HEAD_BYTES} bytes.")

    def send_400_response(self, msg: str) -> None:
        """Answer with the reason for which the parser was stopped."""
        self._refuse(*self._refusal)

    def on_url(self, url: bytes) -> None:
        """Receive a piece of the path and query; an exception here refuses the request."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._stop(414, f"A request's path and query have at most {MAX_TARGET_BYTES} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Receive a header; an exception here refuses the request."""
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._stop(431, f"A request has at most {MAX_HEADERS} headers.")

    def on_headers_complete(self) -> None:
        """Begin a request; an exception here refuses it."""
        self._unread_bytes = 0
        size_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size_bytes > MAX_HEAD_BYTES:
            self._stop(431, f"A request's head has at most {MAX_HEAD_BYTES} bytes.")
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            self._stop(400, "A request has one Host.")
        if not self.url.startswith(b"/") and _authority(self.url).lower() != hosts[0].lower():
            self._stop(400, "A request is for a path of its Host.")
        _cancel(self._head_timer)
        self._head_timer = None
        self._limiter.set_busy(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Receive a piece of the body."""
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body."""
        self._unread_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End a request: the connection is idle, once its client has taken the answer."""
        super().on_response_complete()
        if not self.is_idle:
            return  # the next request had come already
        self._limiter.set_idle(self)
        if self.transport.get_write_buffer_size():
            self._wait_for_reader()

    def pause_writing(self) -> None:
        """Wait for the client to take what it was sent."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """Send more: the client has taken it."""
        super().resume_writing()
        _cancel(self._reader_timer)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, once its client has taken the answer."""
        if self.transport.get_write_buffer_size():
            self._wait_for_reader()
        else:
            super().timeout_keep_alive_handler()

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(self._patience_s, self._end_wait_for_head)

    def _end_wait_for_head(self) -> None:
        if self._unread_bytes:
            self._refuse(408, "The request's head did not come to its end.")
        else:
            self.transport.close()

    def _wait_for_reader(self) -> None:
        _cancel(self._reader_timer)
        unsent_bytes = self.transport.get_write_buffer_size()
        self._reader_timer = self.loop.call_later(
            self._patience_s + unsent_bytes / SLOWEST_BYTES_PER_S, self._end_wait_for_reader
        )

    def _end_wait_for_reader(self) -> None:
        if self.transport.get_write_buffer_size() > (0 if self.is_idle else LOW_WATER_BYTES):
            WARNINGS.warn("A client did not take its answer, and lost it.")
            self.transport.abort()
        elif self.is_idle:
            self.transport.close()

    def _stop(self, status: int, detail: str) -> None:
        """Stop the parser, which then has the request refused."""
        self._refusal = (status, detail)
        raise ValueError(detail)

    def _refuse(self, status: int, detail: str) -> None:
        """Answer with a problem, as elsewhere in the service, and close the connection."""
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self.transport.write(problem_bytes(status, detail, self.url))
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def problem_bytes(status: int, detail: str, url: bytes = b"", **headers: str) -> bytes:
    """Return a response with a problem, in the shape that a path needs; then the server closes."""
    phrase = HTTPStatus(status).phrase
    path = unquote(url.partition(b"?")[0].decode("latin-1"))
    request = Request({"type": "http", "path": path, "query_string": b"", "headers": []})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Problem(title=phrase, status=status, detail=detail).response(
        request, {**SAFE, **named, "Connection": "close"}
    )
    lines = [b"HTTP/1.1 %d %s" % (status, phrase.encode())]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])


def _authority(target: bytes) -> bytes:
    """Return the host and port of an address; empty if it is none."""
    try:
        address = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        return b""
    if not address.schema:
        return b""
    return target.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
