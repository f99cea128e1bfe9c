"""Bodies that are too large or too slow."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from alir.server.middleware.body_limit import MAX_BODY_BYTES, BodyLimitMiddleware
from alir.server.problems import ProblemException

ASK = "/v1/ask"
JSON = {"Content-Type": "application/json"}


async def test_a_body_that_says_it_is_too_large_is_refused(served: Any) -> None:
    for path in (ASK, "/v1/ingestions", "/v1/sources", "/nope"):
        answer = await served.client.post(path, content=b"x" * (MAX_BODY_BYTES + 1), headers=JSON)
        assert answer.status_code == 413, path
        assert answer.headers["connection"] == "close"


async def test_a_body_that_turns_out_too_large_is_refused(served: Any) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 10_000

    answer = await served.client.post(ASK, content=endless(), headers=JSON)

    assert answer.status_code == 413


async def bounded(pieces: list[Message | None]) -> list[Message]:
    """Read a body of these pieces, None being one that never comes; return what was read."""
    read: list[Message] = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        while True:
            read.append(await receive())
            if not read[-1].get("more_body"):
                return

    async def receive() -> Message:
        piece = pieces.pop(0)
        if piece is None:
            await asyncio.Event().wait()
        assert piece is not None
        return piece

    async def send(_: Message) -> None: ...

    scope: Scope = {"type": "http", "path": "/", "headers": []}
    await BodyLimitMiddleware(app, limits_by_path={}, patience_s=0.05)(scope, receive, send)
    return read


async def test_a_body_that_stops_coming_is_not_waited_for() -> None:
    begun: Message = {"type": "http.request", "body": b"{", "more_body": True}

    with pytest.raises(ProblemException) as refused:
        await bounded([begun, None])

    assert refused.value.problem.status == 408


async def test_a_body_that_comes_is_read_to_its_end() -> None:
    pieces: list[Message | None] = [
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "body": b"c", "more_body": False},
    ]

    assert [piece["body"] for piece in await bounded(pieces)] == [b"ab", b"c"]
