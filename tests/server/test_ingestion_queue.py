"""Ingestions: one after the other, told as they go, and never forgotten."""

import asyncio
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from alir.server.ingestion_queue import MAX_WAITING
from alir.server.schemas.ingestions import Ingestion
from alir.storage import ingestions
from alir.storage.service_database import open_service_database

TEXT = "The volcano of Rinjani has a lake in its crater."


async def begin(served: Any, *paths: str, status: int = 202) -> dict[str, Any]:
    answer = await served.client.post("/v1/ingestions", json={"paths": [*paths]})
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_folder_is_mirrored(served: Any) -> None:
    folder = served.root / "notes"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"{TEXT} It is number {number}.")
    first = await served.ended(served.client, await begin(served, "notes"))
    (folder / "1.txt").unlink()
    second = await served.ended(served.client, await begin(served, "notes"))

    assert (first["state"], first["report"]["added"], first["files"]) == ("done", 3, 3)
    assert (second["report"]["deleted"], second["report"]["unchanged"]) == (1, 2)
    assert len((await served.client.get("/v1/sources")).json()["files"]) == 2


async def test_a_file_on_a_disk_that_is_read_only_cannot_be_deleted_and_stays(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (served.root / "a.txt").write_text(TEXT)
    await served.ended(served.client, await begin(served, "."))
    [held] = (await served.client.get("/v1/sources")).json()["files"]

    def refused(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "unlink", refused)
    answer = await served.client.delete(f"/v1/sources/{held['id']}")
    monkeypatch.undo()
    await served.ended(served.client, await begin(served, "a.txt"))  # behind that one

    assert (answer.status_code, answer.json()["title"]) == (409, "Cannot Be Deleted")
    assert (await served.client.get("/v1/sources")).json()["files"] == [held]


async def test_progress_comes_as_events_to_the_end(served: Any) -> None:
    (served.root / "a.txt").write_text(TEXT)
    told = await begin(served, ".")
    events = {"Accept": "text/event-stream"}
    async with served.client.stream("GET", f"/v1/ingestions/{told['id']}", headers=events) as one:
        kind = one.headers["content-type"]
        lines = [line async for line in one.aiter_lines()]

    states = [json.loads(line[6:])["state"] for line in lines if line.startswith("data: ")]
    assert kind.startswith("text/event-stream")
    assert {line for line in lines if line.startswith("event")} == {"event: ingestion"}
    assert states[-1] == "done"
    assert set(states) <= {"queued", "running", "done"}


async def test_a_file_that_fails_is_told_with_its_reason_and_can_be_tried_again(
    served: Any,
) -> None:
    (served.root / "a.txt").write_text(TEXT)
    (served.root / "empty.txt").touch()
    ended = await served.ended(served.client, await begin(served, "."))
    [failed] = (await served.client.get("/v1/sources")).json()["failed"]
    state = (await served.client.get(f"/v1/sources/{failed['id']}")).json()
    (served.root / "empty.txt").write_text(f"{TEXT} Now there is something.")
    again = (await served.client.post(f"/v1/sources/{failed['id']}/retry")).json()
    retried = await served.ended(served.client, again)
    after = (await served.client.get(f"/v1/sources/{failed['id']}")).json()

    assert ended["report"]["failed"][0]["reason"] == failed["reason"]
    assert "empty" in failed["reason"]
    assert (state["chunks"], state["failure"]["attempts"]) == (0, 1)
    assert retried["report"]["added"] == 1
    assert (after["chunks"], after["failure"]) == (1, None)


async def test_nobody_learns_what_is_outside_of_the_folder(served: Any, desk: Path) -> None:
    (served.root / "link").symlink_to(desk / "outside.txt")
    named = [str(desk / "outside.txt"), "../outside.txt", "a/../../outside.txt", "link", ".env"]
    absent = [(await begin(served, path, status=403))["detail"] for path in named]
    (desk / "outside.txt").write_text(TEXT)
    (served.root / ".env").write_text(TEXT)
    there = [(await begin(served, path, status=403))["detail"] for path in named]

    assert {*absent, *there} == {"Name files and folders below your own folder."}


async def test_what_is_not_there_is_said(served: Any) -> None:
    assert "nope" in (await begin(served, "nope", status=422))["detail"]


async def test_one_that_waits_can_be_ended_and_the_one_that_runs_too(served: Any) -> None:
    (served.root / "a.txt").write_text(TEXT)
    async with served.alir.ledger.lock("a test"):  # as another process's run would
        running, waiting = await begin(served, "."), await begin(served, ".")
        async with asyncio.timeout(20):
            while not running["waiting"]:
                await asyncio.sleep(0.01)
                running = (await served.client.get(f"/v1/ingestions/{running['id']}")).json()
        ended = [
            (await served.client.delete(f"/v1/ingestions/{one['id']}")).json()
            for one in (waiting, running)
        ]
    kept = [(await served.client.get(f"/v1/ingestions/{one['id']}")).json() for one in ended]
    third = await served.ended(served.client, await begin(served, "."))

    assert (running["state"], waiting["state"]) == ("running", "queued")
    assert [one["state"] for one in ended] == ["cancelled", "cancelled"]
    assert kept == ended
    assert third["state"] == "done"


async def test_one_that_another_run_holds_up_is_made_when_that_ends(served: Any) -> None:
    (served.root / "a.txt").write_text(TEXT)
    async with served.alir.ledger.lock("a test"):
        told = await begin(served, ".")
        async with asyncio.timeout(20):
            while not told["waiting"]:
                await asyncio.sleep(0.01)
                told = (await served.client.get(f"/v1/ingestions/{told['id']}")).json()
    ended = await served.ended(served.client, told)

    assert "is being written by another run" in told["waiting"]
    assert (ended["state"], ended["waiting"]) == ("done", None)


async def test_a_file_deleted_before_its_turn_and_one_that_came_back_are_no_failures(
    served: Any,
) -> None:
    await served.hold(served.client, a=TEXT, b=TEXT)
    known = {
        Path(one["file"]).name: one["id"]
        for one in (await served.client.get("/v1/sources")).json()["files"]
    }

    async def upload(name: str) -> dict[str, Any]:
        files = [("file", (name, f"{TEXT} Once more."))]
        told: dict[str, Any] = (await served.client.post("/v1/files", files=files)).json()
        return cast("dict[str, Any]", told["ingestion"])

    async def delete(name: str) -> dict[str, Any]:
        return cast(
            "dict[str, Any]", (await served.client.delete(f"/v1/sources/{known[name]}")).json()
        )

    async with served.alir.ledger.lock("a test"):
        told = [
            *(await upload("a.txt"), await delete("a.txt")),
            *(await delete("b.txt"), await upload("b.txt")),
        ]
    ended = [await served.ended(served.client, one) for one in told]
    held = (await served.client.get("/v1/sources")).json()["files"]
    text = (await served.client.get(f"/v1/sources/{known['b.txt']}/text")).text

    assert [(one["state"], one["problem"]) for one in ended] == [("done", None)] * 4
    assert [one["report"].get("deleted") for one in ended] == [None, 1, 0, 0]
    assert [Path(one["file"]).name for one in held] == ["b.txt"]
    assert text.endswith("Once more.")


async def test_too_many_that_wait_are_not_taken_on(served: Any) -> None:
    (served.root / "a.txt").write_text(TEXT)
    async with served.alir.ledger.lock("a test"):
        for _ in range(MAX_WAITING):
            await begin(served, "a.txt")
        refused = await served.client.post("/v1/ingestions", json={"paths": ["a.txt"]})
        uploaded = await served.client.post("/v1/files", files=[("file", ("b.txt", TEXT))])

    assert (refused.status_code, uploaded.status_code) == (429, 429)
    assert int(refused.headers["retry-after"]) > 0
    assert not (served.root / "b.txt").exists()


async def test_what_was_taken_on_is_made_at_the_next_start(serving: Callable[..., Any]) -> None:
    async with serving() as served:
        (served.root / "a.txt").write_text(TEXT)
        path, collection = served.path, served.alir.settings.collection
    kept = Ingestion(
        id="a" * 32, kind="ingest", state="running", paths=["a.txt", "gone.txt"], begun="2026"
    )
    with open_service_database(path) as db:
        ingestions.write(db, collection, "", kept.id, kept.model_dump_json(), is_ended=False)
    async with serving() as served:
        ended = await served.ended(served.client, json.loads(kept.model_dump_json()))
        listed = (await served.client.get("/v1/sources")).json()["files"]
    async with serving() as served:
        after = (await served.client.get(f"/v1/ingestions/{kept.id}")).json()

    assert (ended["state"], ended["report"]["added"]) == ("done", 1)
    assert [Path(one["file"]).name for one in listed] == ["a.txt"]
    assert after == ended


async def test_one_that_is_under_way_at_the_stop_goes_on_at_the_next_start(
    serving: Callable[..., Any],
) -> None:
    async with serving() as served:
        (served.root / "a.txt").write_text(TEXT)
        async with served.alir.ledger.lock("a test"):
            told = await begin(served, ".")
            async with asyncio.timeout(20):
                while told["state"] != "running":
                    await asyncio.sleep(0.01)
                    told = (await served.client.get(f"/v1/ingestions/{told['id']}")).json()
            await served.service.ingestion_queue.stop()
    async with serving() as served:
        ended = await served.ended(served.client, told)

    assert ended["state"] == "done"


async def test_a_file_is_deleted_with_its_chunks(served: Any) -> None:
    await served.hold(served.client, a=TEXT, b="Another text of other things.")
    listed = (await served.client.get("/v1/sources")).json()["files"]
    told = await served.client.delete(f"/v1/sources/{listed[0]['id']}")
    is_there = (served.root / "a.txt").exists()
    ended = await served.ended(served.client, told.json())
    after = (await served.client.get("/v1/sources")).json()["files"]

    assert (told.status_code, is_there) == (202, False)
    assert (ended["state"], ended["report"]) == ("done", {"deleted": 1})
    assert after == listed[1:]
    assert await served.alir.catalog.count_chunks() == 1


async def test_a_deletion_that_was_begun_comes_to_its_end(served: Any) -> None:
    await served.hold(served.client, a=TEXT)
    [source] = (await served.client.get("/v1/sources")).json()["files"]
    async with served.alir.ledger.lock("a test"):
        told = (await served.client.delete(f"/v1/sources/{source['id']}")).json()
        refused = await served.client.delete(f"/v1/ingestions/{told['id']}")
    ended = await served.ended(served.client, told)

    assert refused.status_code == 409
    assert (ended["state"], await served.alir.catalog.count_chunks()) == ("done", 0)


async def test_a_folder_that_is_suddenly_nearly_empty_is_not_believed(served: Any) -> None:
    acme = await served.caller("write", "acme")
    await served.hold(acme, **{f"n{number}": f"{TEXT} {number}" for number in range(12)})
    others = {f"z{number}": f"{TEXT} {number}" for number in range(20)}
    await served.hold(await served.caller("write", "zeta"), **others)
    for number in range(11):
        (served.root / f"acme/n{number}.txt").unlink()
    asked = {"paths": ["."]}
    refused = (await acme.post("/v1/ingestions", json=asked)).json()
    refused = await served.ended(acme, refused)
    allowed = (await acme.post("/v1/ingestions", json=asked | {"delete_many": True})).json()
    allowed = await served.ended(acme, allowed)

    assert (refused["state"], refused["problem"]["title"]) == ("failed", "Too Many Deletions")
    assert "delete_many" in refused["problem"]["detail"]
    assert allowed["report"]["deleted"] == 11


async def test_a_file_that_is_there_again_when_its_deletion_comes_is_kept(served: Any) -> None:
    await served.hold(served.client, a=TEXT)
    [source] = (await served.client.get("/v1/sources")).json()["files"]
    async with served.alir.ledger.lock("a test"):
        deleted = (await served.client.delete(f"/v1/sources/{source['id']}")).json()
        again = await served.client.post("/v1/files", files=[("file", ("a.txt", "New words."))])
    await served.ended(served.client, deleted)
    await served.ended(served.client, again.json()["ingestion"])

    assert (served.root / "a.txt").read_text() == "New words."
    text = await served.client.get(f"/v1/sources/{source['id']}/text")
    assert text.text == "New words."


async def test_a_file_that_is_not_the_services_is_neither_deleted_nor_tried_again(
    served: Any, desk: Path
) -> None:
    outside = desk / "elsewhere.txt"
    outside.write_text(TEXT)
    await served.alir.ingest.run(paths=[outside])
    [source] = (await served.client.get("/v1/sources")).json()["files"]

    deleted = await served.client.delete(f"/v1/sources/{source['id']}")
    retried = await served.client.post(f"/v1/sources/{source['id']}/retry")

    assert (deleted.status_code, retried.status_code) == (409, 409)
    assert outside.read_text() == TEXT


async def test_a_citations_quote_stands_in_the_files_text(served: Any) -> None:
    words = [f"Station {n} of the survey lies {n * 7} metres above the bay.\n\n" for n in range(60)]
    await served.hold(served.client, long="".join(words) + "Die Brücke hält — 日本語 too.")
    [source] = (await served.client.get("/v1/sources")).json()["files"]
    text = await served.client.get(f"/v1/sources/{source['id']}/text")
    answer = await served.client.post("/v1/ask", json={"question": "Where lies station 41?"})

    assert source["chunks"] > 5
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.headers["x-content-type-options"] == "nosniff"
    assert text.text.split() == (served.root / "long.txt").read_text().split()
    citations = answer.json()["citations"]
    assert citations
    for one in citations:
        assert text.text[one["start"] : one["end"]] == one["quote"]
