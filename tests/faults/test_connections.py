"""Clients that hold connections and answers: others are served, and a stop ends in time."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from alir.testing import OpenAIServer, Say
from tests.soak.ingester import Run
from tests.soak.service_host import ServiceHost

HALF_OPEN = 1100
DESCRIPTORS = 1024
DRAIN_S, STOP_S = 1, 5.0
LIVE_S = 1.0
"""Longest wait for an answer of `/health/live`."""
TEXT = "Tea is grown on the hills of Ciwidey."
QUESTION = {"question": "Where is tea grown?"}
SSE = "Accept: text/event-stream"


@pytest.fixture(scope="module")
def host() -> Iterator[ServiceHost]:
    with ServiceHost() as one:
        yield one


@pytest.fixture
def serving(host: ServiceHost, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start a service with a file in its index."""
    runs: list[Run] = []

    def serve(**settings: Any) -> Run:
        given: dict[str, Any] = {
            "milvus_uri": str(tmp_path / "milvus.db"),
            "ledger": str(tmp_path / "ledger"),
            "root": str(tmp_path / "documents"),
            "drain_s": DRAIN_S,
        }
        run = host.start(tmp_path / "log", **given | settings)
        runs.append(run)
        assert run.serves(), (tmp_path / "log").read_text()
        return run

    yield serve
    for run in runs:
        run.kill("program and Lite")
        run.wait()


@pytest.fixture
def warnings(tmp_path: Path) -> Callable[[], list[str]]:
    """What the log says besides its lines of requests."""

    def read() -> list[str]:
        lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
        return [line["message"] for line in lines if line["level"] != "info"]

    return read


def taken_in(client: httpx.Client) -> None:
    """Upload a file, and wait until it is in the index."""
    answer = client.post("/v1/files", files=[("file", ("tea.txt", TEXT))])
    assert answer.status_code == 202, answer.text
    ingestion = answer.json()["ingestion"]
    deadline = time.monotonic() + 60
    while ingestion["state"] != "done":
        assert time.monotonic() < deadline, ingestion
        time.sleep(0.05)
        ingestion = client.get(f"/v1/ingestions/{ingestion['id']}").json()


def connected(url: str, sends: bytes, *, receive_bytes: int = 0) -> socket.socket:
    """Connect, and send something."""
    host, port = url.removeprefix("http://").split(":")
    one = socket.socket()
    one.settimeout(20)
    if receive_bytes:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    one.connect((host, int(port)))
    one.sendall(sends)
    return one


def post(path: str, body: dict[str, Any], *headers: str) -> bytes:
    content = json.dumps(body)
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(content)}", *headers, "", content]
    return "\r\n".join(lines).encode()


@contextmanager
def alive(url: str) -> Iterator[list[float]]:
    """Ask whether it lives, again and again, in a thread; yield the seconds of each answer."""
    seconds: list[float] = []
    failed: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=20) as client:
            while not ended.wait(0.05):
                began = time.monotonic()
                try:
                    # A connection of its own each time: so does a probe.
                    answer = client.get("/health/live", headers={"Connection": "close"})
                    if answer.status_code != 200:
                        failed.append(str(answer.status_code))
                except httpx.HTTPError as error:
                    failed.append(repr(error))
                seconds.append(time.monotonic() - began)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield seconds
    finally:
        ended.set()
        asking.join()
    assert failed == []
    assert len(seconds) > 3
    assert max(seconds) < LIVE_S


def descriptors(run: Run) -> int:
    return len([*Path(f"/proc/{run.pid}/fd").iterdir()])


def test_half_open_connections_keep_nobody_out_and_fill_no_log(
    serving: Callable[..., Run], warnings: Callable[[], list[str]], tmp_path: Path
) -> None:
    run = serving(descriptors=DESCRIPTORS)
    half_open = b"GET /v1/sources HTTP/1.1\r\nHost: localhost\r\nX: "
    began = time.monotonic()
    with alive(run.url), httpx.Client(base_url=run.url, timeout=20) as client:
        idle = descriptors(run)
        held = [connected(run.url, half_open) for _ in range(HALF_OPEN)]
        most = descriptors(run)
        taken_in(client)  # while they stand
        more = [connected(run.url, half_open) for _ in range(HALF_OPEN)]
        answer = client.post("/v1/ask", json=QUESTION)
    lasted_s = time.monotonic() - began
    for one in (*held, *more):
        one.close()
    deadline = time.monotonic() + 20
    while descriptors(run) > idle + 40 and time.monotonic() < deadline:
        time.sleep(0.05)

    assert most < DESCRIPTORS * 3 // 4, "the others are for the work under way"
    assert TEXT in answer.json()["text"]
    assert len(warnings()) <= lasted_s + 2
    assert (tmp_path / "log").stat().st_size < 200_000
    # Milvus, its file, the ledger and the readers have come since; the connections have gone.
    assert descriptors(run) <= idle + 40


async def test_told_to_stop_it_has_stopped_in_time_whatever_is_open(
    serving: Callable[..., Run], warnings: Callable[[], list[str]]
) -> None:
    endless = Say("Tea grows on the hills [1].\n\n" * 2000, pause_s=0.01)
    with OpenAIServer(endless) as model:
        run = serving(llm_base_url=model.base_url)
        with httpx.Client(base_url=run.url, timeout=20) as client:
            taken_in(client)
            start = {"start_event": QUESTION}
            begun = client.post("/workflows/workflows/ask/run-nowait", json=start).json()
            events = f"/workflows/events/{begun['handler_id']}?after_sequence=-1"
        chat = {"model": "alir", "messages": [{"role": "user", "content": QUESTION["question"]}]}
        call = {"name": "ask", "arguments": QUESTION, "_meta": {"progressToken": 1}}
        tool = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        upload = "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n"
        sent = [
            post("/v1/ask", QUESTION),
            post("/v1/ask", QUESTION, SSE),
            post("/v1/agent", QUESTION, SSE),
            post("/v1/chat/completions", chat | {"stream": True}),
            post("/v1/chat/completions", chat),
            post("/mcp", tool, "Accept: application/json, text/event-stream"),
            post("/workflows/workflows/ask/run", start),
            f"GET {events} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
            b"GET /v1/sources HTTP/1.1\r\nX: ",
            b"",
            f"{upload}Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode(),
        ]
        held = [connected(run.url, one, receive_bytes=2048) for one in sent]
        await asyncio.sleep(1.5)
        began = time.monotonic()
        run.stop()
        await asyncio.to_thread(run.wait, 60)
        stopped_s = time.monotonic() - began
        nothing_left = run.leaves_nothing_running(timeout_s=2)
        for one in held:
            one.close()

    assert run.exit_code == 0, warnings()
    assert stopped_s < DRAIN_S + STOP_S
    assert nothing_left
    assert [line for line in warnings() if "in time" in line or "ASGI application" in line] == []
