"""HTTP/1.1 for one connection, as strict about requests as it should be."""

from urllib.parse import unquote

from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from alir.server.middleware.headers import SAFE
from alir.server.schemas.problems import Problem

MAX_HEAD_BYTES = 64 * 1024
"""Limit of a request's first line and headers, and of a chunked body's headers and trailers."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 on httptools, which takes a third of h11's time, with h11's strictness on headers.

    uvicorn's own class accepts headers of any size, and several hosts.
    """

    url = b""
    _unread_bytes = 0
    """Bytes received since the last complete head or piece of a body."""

    def data_received(self, data: bytes) -> None:
        """Receive bytes; headers that do not end are refused with 400."""
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._unread_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The headers are too large.")

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem, as elsewhere in the service, and close the connection."""
        path = unquote(self.url.partition(b"?")[0].decode("latin-1"))
        request = Request({"type": "http", "path": path, "query_string": b"", "headers": []})
        answer = Problem(title="Bad Request", status=400, detail=msg).response(
            request, {**SAFE, "Connection": "close"}
        )
        head = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + bytes(answer.body))
        self.transport.close()

    def on_headers_complete(self) -> None:
        """Begin a request; an exception here is answered with 400."""
        self._unread_bytes = 0
        size_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        hosts = sum(name == b"host" for name, _ in self.headers)
        if size_bytes > MAX_HEAD_BYTES:
            raise ValueError("the headers are too large")
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise ValueError("a request has one host")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Receive a piece of the body."""
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body."""
        self._unread_bytes = 0
        super().on_message_complete()
