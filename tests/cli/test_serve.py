"""`alir serve`, as a user starts and ends it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from alir.cli.main import cli
from alir.testing import HOSTILE_REPLIES, OpenAIServer

TEXT = "The strait of Makassar divides two kinds of animals."
Start = Callable[..., Any]


def upload(url: str, name: str, text: str) -> dict[str, Any]:
    answer = httpx.post(f"{url}/v1/files", files=[("file", (name, text))], timeout=30)
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def until(url: str, path: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(60), httpx.AsyncClient(base_url=url) as client:
        while True:
            told: dict[str, Any] = (await client.get(path)).json()
            if is_so(told):
                return told
            await asyncio.sleep(0.05)


async def until_it_takes_no_more(url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with httpx.AsyncClient() as client:
                    await client.get(f"{url}/health/live")
            except httpx.ConnectError:
                return
            except httpx.TransportError:
                pass  # it was connected as the service closed its port
            await asyncio.sleep(0.05)


def lines(desk: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (desk / "serve.log").read_text().splitlines()]


async def test_no_acknowledged_upload_is_lost_when_the_service_is_killed(
    alir_serve: Start, desk: Path
) -> None:
    first = alir_serve()
    told = upload(first.url, "strait.txt", TEXT)
    first.process.kill()  # SIGKILL, at once
    first.process.wait()
    (desk / "documents" / ".alir-upload-0123").write_text("half of an upl")
    second = alir_serve()
    ingestion = f"/v1/ingestions/{told['ingestion']['id']}"
    ended = await until(second.url, ingestion, lambda one: one["state"] == "done")
    source = await until(second.url, f"/v1/sources/{told['files'][0]['source']}", bool)
    asked = httpx.post(
        f"{second.url}/v1/ask", json={"question": "What divides two kinds of animals?"}, timeout=30
    )
    second.process.send_signal(signal.SIGTERM)

    assert ended["report"]["files"] == 1
    assert source["chunks"] == 1
    assert TEXT in asked.json()["text"]
    assert second.process.wait(30) == 0
    assert [path.name for path in (desk / "documents").iterdir()] == ["strait.txt"]
    assert {one["level"] for one in lines(desk)} == {"info"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_in_order_though_a_stream_is_open(
    alir_serve: Start, desk: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setenv("ALIR_DRAIN_S", "20")
    # What waits for it does so for ever.
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(desk / ".alir" / ".milvus.ledger")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    served = alir_serve()
    told = upload(served.url, "strait.txt", TEXT)["ingestion"]
    events = {"Accept": "text/event-stream"}
    with httpx.stream("GET", f"{served.url}/v1/ingestions/{told['id']}", headers=events) as stream:
        first = next(stream.iter_lines())
        served.process.send_signal(number)
        code = await asyncio.to_thread(served.process.wait, 15)
    holder.communicate()

    assert first == "event: ingestion"
    assert code == 0
    warned = {one["message"] for one in lines(desk) if one["level"] != "info"}
    assert all("is being written by another run" in one for one in warned), warned


HOLDER = """
import asyncio, sys
from pathlib import Path
from alir.storage.ledger import SqliteLedger
async def hold():
    async with SqliteLedger(Path(sys.argv[1]), "alir").lock("a test"):
        print("held", flush=True)
        sys.stdin.read()
asyncio.run(hold())
"""


async def test_an_answer_under_way_is_given_before_it_ends(
    alir_serve: Start, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.set()
        await release.wait()
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as model:
        port = model.sockets[0].getsockname()[1]
        monkeypatch.setenv("ALIR_LLM_BASE_URL", f"http://127.0.0.1:{port}/v1")
        served = alir_serve()
        told = await asyncio.to_thread(upload, served.url, "strait.txt", TEXT)
        path = f"/v1/ingestions/{told['ingestion']['id']}"
        await until(served.url, path, lambda one: one["state"] == "done")
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            asking = asyncio.create_task(client.post("/v1/ask", json={"question": "What divides?"}))
            await begun.wait()
            served.process.send_signal(signal.SIGTERM)
            await until_it_takes_no_more(served.url)
            release.set()
            answer = await asking
        code = await asyncio.to_thread(served.process.wait, 30)

    assert answer.status_code in {200, 502}
    assert code == 0


@pytest.mark.parametrize("reply", ["endless sentences", "a word now and then", "a silent endpoint"])
async def test_it_stops_in_time_though_a_model_never_ends(
    alir_serve: Start, desk: Path, monkeypatch: pytest.MonkeyPatch, reply: str
) -> None:
    drain_s, patience_s = 5, 5
    monkeypatch.setenv("ALIR_DRAIN_S", str(drain_s))
    monkeypatch.setenv("ALIR_LLM_TIMEOUT_S", "600")
    with OpenAIServer(HOSTILE_REPLIES[reply]) as model:
        monkeypatch.setenv("ALIR_LLM_BASE_URL", model.base_url)
        served = alir_serve()
        told = await asyncio.to_thread(upload, served.url, "strait.txt", TEXT)
        path = f"/v1/ingestions/{told['ingestion']['id']}"
        await until(served.url, path, lambda one: one["state"] == "done")
        events = {"Accept": "text/event-stream"}
        async with httpx.AsyncClient(base_url=served.url, timeout=60, headers=events) as client:
            asking = [
                asyncio.create_task(client.post(path, json={"question": "What divides animals?"}))
                for path in ("/v1/ask", "/v1/agent")
            ]
            while len(model.requests) < 2:
                await asyncio.sleep(0.01)
            served.process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(served.process.wait, drain_s + patience_s)
            answers = await asyncio.gather(*asking)

    assert code == 0
    for answer in answers:
        assert answer.text.count("event: answer") + answer.text.count("event: problem") == 1
    assert "Traceback" not in (desk / "serve.log").read_text()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.invalid"])  # noqa: S104
def test_another_address_than_loopback_is_not_served_without_a_key(host: str) -> None:
    done = CliRunner().invoke(cli, ["serve", "--host", host, "--port", "0"])

    assert done.exit_code == 3
    assert f"--host {host}: there is no key" in done.stderr
    assert "alir keys add" in done.stderr


def test_a_revoked_key_does_not_open_the_doors() -> None:
    CliRunner().invoke(cli, ["keys", "add", "one"])
    CliRunner().invoke(cli, ["keys", "revoke", "one"])
    done = CliRunner().invoke(cli, ["serve", "--host", "0.0.0.0", "--port", "0"])  # noqa: S104

    assert done.exit_code == 3


def test_a_first_key_lets_it_serve_another_address_and_is_not_printed(desk: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104  so that it does not serve
        port = str(taken.getsockname()[1])
        serve = ["serve", "--host", "0.0.0.0", "--port", port, "--first-key", "first-key"]  # noqa: S104
        first, second = (CliRunner().invoke(cli, serve) for _ in range(2))
    secret = (desk / "first-key").read_text().strip()

    assert secret.startswith("alir_")
    assert "The first key is in first-key" in first.stdout
    assert secret not in first.output + second.output
    assert second.stdout == ""
    assert all("it cannot be listened on" in done.stderr for done in (first, second))


def test_a_first_key_is_no_document() -> None:
    done = CliRunner().invoke(cli, ["serve", "--root", "docs", "--first-key", "docs/key.txt"])

    assert done.exit_code == 3
    assert "among the documents" in done.stderr


def test_a_damaged_file_of_keys_is_said(desk: Path) -> None:
    (desk / ".alir").mkdir()
    (desk / ".alir/.milvus.service").write_text("no database" * 1000)
    done = CliRunner().invoke(cli, ["serve", "--port", "0"])

    assert done.exit_code == 5
    assert ".milvus.service cannot be used" in done.stderr


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(cli, ["serve", "--port", str(port)])

    assert done.exit_code == 3
    assert f"--port {port}: it cannot be listened on: address already in use" in done.stderr


def test_a_wrong_setting_is_said_before_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIR_EMBED_MODEL", "/nowhere")
    done = subprocess.run(
        [sys.executable, "-m", "alir", "serve", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("alir: The embedding model /nowhere")


def test_a_second_service_on_an_index_or_its_files_is_refused_at_its_start(
    alir_serve: Start, alir: Callable[..., Any], complaint: Callable[..., str], desk: Path
) -> None:
    first = alir_serve()
    told = upload(first.url, "strait.txt", TEXT)
    same = complaint(alir("serve", "--port", "0"), 3)
    other_ledger = complaint(alir("serve", "--port", "0", ALIR_LEDGER=str(desk / "o.ledger")), 3)
    still = httpx.get(f"{first.url}/health/live", timeout=30)

    assert f"process {first.process.pid}" in same
    assert str(desk / ".alir" / ".milvus.service") in same
    assert str(desk / ".alir" / "milvus.db") in other_ledger
    assert still.status_code == 200
    assert told["ingestion"]["state"] == "queued"


def test_a_service_whose_keys_are_lost_does_not_start(
    alir: Callable[..., Any], complaint: Callable[..., str], desk: Path
) -> None:
    alir("keys", "add", "laptop")
    file = desk / ".alir" / ".milvus.service"
    file.write_bytes(b"")
    empty = complaint(alir("serve", "--port", "0"), 3)
    first = complaint(alir("serve", "--port", "0", "--first-key", desk / "first"), 3)
    file.unlink()
    gone = complaint(alir("serve", "--port", "0"), 3)
    opened = alir("keys", "delete-all")

    assert empty == first == gone
    assert str(file) in empty
    assert "alir keys add NAME" in empty
    assert not (desk / "first").exists()
    assert opened.returncode == 0
    assert "every user of this machine" in opened.stdout
    assert sorted(path.name for path in file.parent.iterdir()) == [
        *(".milvus.db.serving", ".milvus.service", ".milvus.service.serving"),
    ]
