"""Ingestions over HTTP: begun, followed and ended."""

import asyncio
import json
from pathlib import Path
from typing import Any

TEXT = "The volcano of Rinjani has a lake in its crater."


async def test_a_folder_is_mirrored(served: Any) -> None:
    folder = served.root / "notes"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"{TEXT} It is number {number}.")
    first = await served.ended(served.client, await served.begin("notes"))
    (folder / "1.txt").unlink()
    second = await served.ended(served.client, await served.begin("notes"))

    assert (first["state"], first["report"]["added"], first["files"]) == ("done", 3, 3)
    assert (second["report"]["deleted"], second["report"]["unchanged"]) == (1, 2)
    assert len((await served.client.get("/v1/sources")).json()["files"]) == 2


async def test_files_are_read_again_if_asked(served: Any) -> None:
    (served.root / "a.txt").write_text(TEXT)
    body = {"paths": ["."], "rehash": True}

    answer = await served.client.post("/v1/ingestions", json=body)
    ended = await served.ended(served.client, answer.json())

    assert (answer.status_code, answer.json()["rehash"]) == (202, True)
    assert (ended["rehash"], ended["report"]["added"]) == (True, 1)


async def test_progress_comes_as_events_to_the_end(served: Any) -> None:
    (served.root / "a.txt").write_text(TEXT)
    told = await served.begin(".")
    events = {"Accept": "text/event-stream"}
    async with served.client.stream("GET", f"/v1/ingestions/{told['id']}", headers=events) as one:
        kind = one.headers["content-type"]
        lines = [line async for line in one.aiter_lines()]

    states = [json.loads(line[6:])["state"] for line in lines if line.startswith("data: ")]
    assert kind.startswith("text/event-stream")
    assert {line for line in lines if line.startswith("event")} == {"event: ingestion"}
    assert states[-1] == "done"
    assert set(states) <= {"queued", "running", "done"}


async def test_nobody_learns_what_is_outside_of_the_folder(served: Any, desk: Path) -> None:
    (served.root / "link").symlink_to(desk / "outside.txt")
    named = [str(desk / "outside.txt"), "../outside.txt", "a/../../outside.txt", "link", ".env"]
    absent = [(await served.begin(path, status=403))["detail"] for path in named]
    (desk / "outside.txt").write_text(TEXT)
    (served.root / ".env").write_text(TEXT)
    there = [(await served.begin(path, status=403))["detail"] for path in named]

    assert {*absent, *there} == {"Name files and folders below your own folder."}


async def test_what_is_not_there_is_said(served: Any) -> None:
    assert "nope" in (await served.begin("nope", status=422))["detail"]


async def test_one_that_waits_can_be_ended_and_the_one_that_runs_too(served: Any) -> None:
    (served.root / "a.txt").write_text(TEXT)
    async with served.alir.ledger.lock("a test"):  # as another process's run would
        running, waiting = await served.begin("."), await served.begin(".")
        async with asyncio.timeout(20):
            while not running["waiting"]:
                await asyncio.sleep(0.01)
                running = (await served.client.get(f"/v1/ingestions/{running['id']}")).json()
        ended = [
            (await served.client.delete(f"/v1/ingestions/{one['id']}")).json()
            for one in (waiting, running)
        ]
    kept = [(await served.client.get(f"/v1/ingestions/{one['id']}")).json() for one in ended]
    third = await served.ended(served.client, await served.begin("."))

    assert (running["state"], waiting["state"]) == ("running", "queued")
    assert [one["state"] for one in ended] == ["cancelled", "cancelled"]
    assert kept == ended
    assert third["state"] == "done"
