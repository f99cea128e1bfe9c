"""uvicorn, as strict about headers as it should be."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from alir.server.connections.http_protocol import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_TARGET_BYTES,
)

CHUNKED = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: ",
        CHUNKED + b"0\r\nX: ",
        CHUNKED + b"1;",
    ],
)
async def test_headers_that_never_end_are_cut_off(served: Any, begun: bytes) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(begun)
    sent_bytes = 0
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"a" * 1000)
                sent_bytes += 1000
                await writer.drain()
                await asyncio.sleep(0.001)
                if sent_bytes > 10 * MAX_HEAD_BYTES:
                    break
        assert sent_bytes < 5 * MAX_HEAD_BYTES
        writer.close()
    assert (await served.client.get("/health/live")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "header", "status", "told"),
    [
        ("GET", "/v1/sources", "a" * MAX_HEAD_BYTES, 431, {"title", "status", "detail"}),
        ("GET", "/v1/models", "a" * MAX_HEAD_BYTES, 431, {"error"}),
        ("GET", "/metrics", "text/plain\x01", 400, {"title", "status", "detail"}),
        ("HUNTER2", "/v1/sources", "a", 400, {"title", "status", "detail"}),
    ],
)
async def test_what_is_no_http_is_told_so_in_the_shape_of_the_path(
    served: Any, *, method: str, path: str, header: str, status: int, told: set[str]
) -> None:
    refused = await served.client.request(method, path, headers={"Accept": header})

    assert refused.status_code == status
    assert refused.json().keys() == told
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert refused.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/v1/sources?" + "a" * MAX_TARGET_BYTES, [], 414),
        ("/" + "a/" * MAX_TARGET_BYTES, [], 414),
        ("/v1/sources?" + "&".join(f"a{n}" for n in range(200)), [], 422),
        ("/v1/sources", [f"X-{n}: a" for n in range(MAX_HEADERS + 1)], 431),
        ("/v1/sources", ["Cookie: " + "a=b; " * MAX_HEAD_BYTES], 431),
        ("/v1/sources", ["X-A: " + "a" * 1000 for _ in range(40)], 431),
        ("http://evil.example/v1/sources", [], 400),
        ("http://localhost@evil.example/v1/sources", [], 400),
        ("localhost", [], 400),
        ("http://localhost/v1/sources", [], 200),
    ],
)
async def test_a_head_is_bounded_and_the_target_is_a_path_of_the_host(
    served: Any, target: str, headers: list[str], status: int
) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, port)
    head = [f"GET {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
    writer.write("\r\n".join(head).encode())
    async with asyncio.timeout(20):
        answer = await reader.readuntil(b"\r\n\r\n")
        body = b"" if status == 200 else await reader.readuntil(b"}")
    writer.close()

    assert int(answer.split()[1]) == status
    assert status == 200 or b"application/problem+json" in answer
    assert status == 200 or b'"detail":"' in body
