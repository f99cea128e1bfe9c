"""HTTP as an asker speaks it: one connection that is kept, and as little of Python as will do.

Server and askers share the machine: what a client library costs would be missing to the service.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the object in the body."""
        return json.loads(self.body)


class Wire:
    """One kept connection to `url`; opened anew if the server has closed it."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.hostname
        self._host, self._port = address.hostname, address.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def get(self, path: str) -> Reply:
        """Ask for `path`."""
        return await self._sent("GET", path, b"", "")

    async def post(self, path: str, body: dict[str, Any]) -> Reply:
        """Send a JSON object."""
        return await self._sent("POST", path, json.dumps(body).encode(), "application/json")

    async def upload(self, path: str, name: str, text: str) -> Reply:
        """Send a file in a form."""
        head = f'--alir\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = f"{head}{text}\r\n--alir--\r\n".encode()
        return await self._sent("POST", path, body, "multipart/form-data; boundary=alir")

    async def _sent(self, method: str, path: str, body: bytes, content_type: str) -> Reply:
        kind = f"Content-Type: {content_type}\r\n" if content_type else ""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n"
        )
        was_open = self._streams is not None
        try:
            try:
                return await self._exchanged(head.encode() + body)
            except (OSError, EOFError):
                if not was_open:
                    raise
                # It was idle for too long.
                self.close()
                return await self._exchanged(head.encode() + body)
        except BaseException:
            self.close()  # what comes now would be taken for the next one's answer
            raise

    async def _exchanged(self, request: bytes) -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, colon, value in (line.partition(":") for line in lines)
            if colon
        }
        if "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        else:  # uvicorn's own 500
            body = b""
            self.close()
        if headers.get("connection") == "close":
            self.close()
        return Reply(int(first.split()[1]), headers, body)
