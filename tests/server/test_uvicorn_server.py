"""The server: connections are limited, slow clients are not waited for, and a stop ends in time."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from alir.server.connections import http_protocol
from alir.server.connections.listener import open_port
from alir.server.uvicorn_server import ServiceServer, server

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class App:
    """Answers `body`; of /wait only when `release` is set."""

    def __init__(self, body: bytes = b"hello") -> None:
        self.body = body
        self.release = asyncio.Event()
        self.waiting = 0
        self.cancelled = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for name in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{name}.complete"})
            return
        if scope["path"] == "/wait":
            self.waiting += 1
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.body})


@asynccontextmanager
async def running(app: App, **limits: Any) -> AsyncIterator[tuple[ServiceServer, int]]:
    one = server(app, **{"drain_s": 1.0} | limits)
    with open_port("127.0.0.1", 0) as listener:
        task = asyncio.create_task(one.serve(sockets=[listener]))
        while not one.started:
            await asyncio.sleep(0.005)
        port = listener.getsockname()[1]
        try:
            yield one, port
        finally:
            one.should_exit = True
            await task


async def closed(writers: list[asyncio.StreamWriter]) -> None:
    for writer in writers:
        writer.close()


async def test_half_open_connections_keep_nobody_out() -> None:
    async with running(App(), max_connections=8) as (one, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        for _, writer in held:
            writer.write(b"GET / HTTP/1.1\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        async with asyncio.timeout(20):
            answer = await reader.readuntil(b"hello")
            most = one.limiter.open
            await closed([writer, *(writer for _, writer in held)])
            while one.limiter.open:
                await asyncio.sleep(0.01)

    assert answer.startswith(b"HTTP/1.1 200")
    assert most <= 8


async def test_one_connection_too_many_is_refused_when_all_have_requests_under_way() -> None:
    app = App()
    async with running(app, max_connections=3) as (_, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        async with asyncio.timeout(20):
            for _, writer in held:
                writer.write(GET.replace(b"/ ", b"/wait "))
            while app.waiting < 3:
                await asyncio.sleep(0.01)
            reader, refused = await asyncio.open_connection("127.0.0.1", port)
            answer = await reader.read()
            app.release.set()
            answers = [await reader.readuntil(b"hello") for reader, _ in held]
        await closed([refused, *(writer for _, writer in held)])

    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 2" in answer
    assert b"All connections are in use" in answer
    assert [one[:12] for one in answers] == [b"HTTP/1.1 200"] * 3


@pytest.mark.parametrize(("begun", "status"), [(b"", b""), (b"GET / HTTP/1.1\r\nX: a", b"408")])
async def test_a_head_that_does_not_come_is_not_waited_for(begun: bytes, status: bytes) -> None:
    async with running(App(), patience_s=0.1) as (one, port), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        answer = await reader.read()
        writer.close()
        while one.limiter.open:
            await asyncio.sleep(0.01)

    assert answer[9:12] == status


async def test_a_head_that_drips_after_an_answer_is_not_waited_for_either() -> None:
    async with running(App(), patience_s=0.2) as (_, port), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readuntil(b"hello")
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        answer = await reader.readuntil(b"408 Request Timeout")
        writer.close()

    assert answer


async def test_a_client_that_does_not_take_its_answer_loses_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "SLOWEST_BYTES_PER_S", 10**9)
    app = App(body=b"a" * 30_000_000)
    async with running(app, patience_s=0.1) as (one, port), asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        while one.limiter.open:
            await asyncio.sleep(0.01)
        writer.close()

    assert not one.server_state.connections


async def test_a_client_that_takes_its_answer_in_time_gets_all_of_it() -> None:
    app = App(body=b"a" * 30_000_000)
    async with running(app, patience_s=0.1) as (_, port), asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.3)  # longer than the wait for a head
        taken = await reader.read()
        writer.close()

    assert taken.count(b"a") >= len(app.body)


async def test_a_stop_ends_what_is_open_and_waits_no_longer_than_it_is_told() -> None:
    app = App()
    async with running(app, drain_s=0.2) as (one, port), asyncio.timeout(20):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in held:
            writer.write(GET.replace(b"/ ", b"/wait "))
        while app.waiting < 3:
            await asyncio.sleep(0.01)
        one.should_exit = True
        ends = [await reader.read() for reader, _ in held]
        await closed([writer for _, writer in held])

    assert len(ends) == 3
    assert app.cancelled == 3


BLOCKED = """
import asyncio, time
from alir.server.connections import http_protocol
from alir.server.connections.listener import open_port
from alir.server.uvicorn_server import server

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
    else:
        print("blocked", flush=True)
        time.sleep(600)

with open_port("127.0.0.1", 0) as listener:
    print(listener.getsockname()[1], flush=True)
    asyncio.run(server(app, drain_s=0).serve(sockets=[listener]))
"""


async def test_a_process_whose_event_loop_is_kept_ends_all_the_same() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BLOCKED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            async with asyncio.timeout(30):
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                        break
                    except ConnectionRefusedError:  # it does not listen yet
                        await asyncio.sleep(0.05)
            writer.write(GET)
            said = await asyncio.to_thread(process.stdout.readline)
            process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(process.wait, 20)
            writer.close()
        finally:
            process.kill()
        log = process.stderr.read() if process.stderr else ""

    assert said == "blocked\n"
    assert code == 1
    assert "did not end in time" in log
