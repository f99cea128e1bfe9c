"""Bodies that are too large or too slow."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from alir.server.middleware import body_limit
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


def large(key: str, size_bytes: int) -> tuple[Scope, Receive]:
    """Return a request of a key, with a body of that size."""
    caller = SimpleNamespace(key=key)
    scope: Scope = {"type": "http", "path": "/large", "headers": [], "state": {"caller": caller}}

    async def receive() -> Message:
        return {"type": "http.request", "body": b" " * size_bytes, "more_body": False}

    return scope, receive


async def send(_: Message) -> None: ...


async def test_large_bodies_are_held_up_to_a_limit_of_the_key_and_one_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body_limit, "MAX_HELD_BYTES_OF_A_KEY", 2 * MAX_BODY_BYTES)
    monkeypatch.setattr(body_limit, "MAX_HELD_BYTES", 3 * MAX_BODY_BYTES)
    done = asyncio.Event()

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        await receive()
        await done.wait()

    middleware = BodyLimitMiddleware(app, limits_by_path={"/large": 4 * MAX_BODY_BYTES})

    async def begin(key: str, size_bytes: int) -> "asyncio.Task[None]":
        task = asyncio.create_task(middleware(*large(key, size_bytes), send))
        await asyncio.sleep(0)
        return task

    async def is_refused(key: str, size_bytes: int) -> bool:
        task = await begin(key, size_bytes)
        if not task.done():
            begun.append(task)
            return False
        assert isinstance(error := task.exception(), ProblemException)
        assert error.problem.status == 429
        assert error.headers is not None
        assert "Retry-After" in error.headers
        return True

    begun = [await begin("a", MAX_BODY_BYTES + 1)]
    assert await is_refused("a", MAX_BODY_BYTES + 1)
    assert not await is_refused("a", MAX_BODY_BYTES)  # a small one
    assert not await is_refused("b", MAX_BODY_BYTES + 1)
    assert await is_refused("c", MAX_BODY_BYTES + 1)
    done.set()
    await asyncio.gather(*begun)
    await middleware(*large("a", 2 * MAX_BODY_BYTES), send)


async def test_what_is_written_to_the_disk_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "MAX_HELD_BYTES", 0)

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        await receive()

    limits = {"/large": 4 * MAX_BODY_BYTES}
    await BodyLimitMiddleware(app, limits_by_path=limits, written={"/large"})(
        *large("a", 2 * MAX_BODY_BYTES), send
    )
    with pytest.raises(ProblemException):
        await BodyLimitMiddleware(app, limits_by_path=limits)(*large("a", 2 * MAX_BODY_BYTES), send)
