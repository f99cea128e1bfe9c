"""Uploads: whole or not there, under a name that can do no harm."""

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from alir.server.routes.drafts import PREFIX as PART_PREFIX
from alir.server.routes.drafts import clear_drafts
from alir.server.routes.uploads import MAX_FIELDS
from alir.storage import sqlite_file
from tests.faults.scarce import no_descriptors, no_room, written_elsewhere

TEXT = "The lake of Toba fills a caldera."
MIB = 1024 * 1024


def form(*files: tuple[str, str]) -> list[tuple[str, tuple[str, str]]]:
    return [("file", one) for one in files]


async def test_an_upload_is_kept_and_ingested_and_answers_questions(served: Any) -> None:
    answer = await served.client.post("/v1/files", files=form(("toba.txt", TEXT)))
    told = answer.json()
    ended = await served.ended(served.client, told["ingestion"])
    source = (await served.client.get(f"/v1/sources/{told['files'][0]['source']}")).json()
    asked = await served.client.post("/v1/ask", json={"question": "What fills a caldera?"})

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/ingestions/{ended['id']}"
    assert (served.root / "toba.txt").read_text() == TEXT
    assert told["files"][0]["size_bytes"] == len(TEXT)
    assert (ended["state"], ended["report"]["added"]) == ("done", 1)
    assert (source["chunks"], source["failure"]) == (1, None)
    assert TEXT in asked.json()["text"]


async def test_a_tenants_folder_holds_no_more_than_it_may(
    serving: Callable[..., Any],
) -> None:
    async with serving(tenant_mib=1) as served:
        acme = await served.caller("write", "acme")
        big, small = "x" * (700 * 1024), "y" * (400 * 1024)

        async def sent(client: Any, name: str, text: str) -> int:
            answer = await client.post("/v1/files", files=form((name, text)))
            return int(answer.status_code)

        assert await sent(acme, "a.txt", big) == 202
        assert await sent(acme, "b.txt", small) == 507
        assert await sent(acme, "a.txt", big) == 202, "it takes the other's place"
        assert await sent(acme, "a.txt", small) == 202
        assert await sent(acme, "b.txt", small) == 202
        assert await sent(await served.caller("write", "zeta"), "a.txt", big) == 202
        assert await sent(await served.caller("write"), "a.txt", big + big) == 202

        folder = served.root / "acme"
        (folder / "b.txt").unlink()
        # Another form of the same tenant, of which much has come.
        (folder / f"{PART_PREFIX}other").write_text(small)
        assert await sent(acme, "b.txt", small) == 507
        assert sorted(path.name for path in folder.iterdir()) == [f"{PART_PREFIX}other", "a.txt"]


async def test_a_file_of_the_same_name_takes_its_place(served: Any) -> None:
    await served.hold(served.client, lake=TEXT)
    ended = await served.hold(served.client, lake="The lake of Maninjau is smaller.")
    listed = (await served.client.get("/v1/sources")).json()["files"]

    assert ended["report"]["updated"] == 1
    assert len(listed) == 1
    assert (served.root / "lake.txt").read_text() == "The lake of Maninjau is smaller."


async def test_a_name_that_means_a_place_leads_nowhere(served: Any) -> None:
    answer = await served.client.post(
        "/v1/files",
        files=form(("../../escaped.txt", TEXT), ("/tmp/also escaped.txt", TEXT)),  # noqa: S108
    )

    assert [one["file"] for one in answer.json()["files"]] == ["escaped.txt", "also escaped.txt"]
    assert {path.name for path in served.root.iterdir()} == {"escaped.txt", "also escaped.txt"}
    assert not (served.root.parent / "escaped.txt").exists()


async def test_a_form_that_is_refused_leaves_nothing(serving: Callable[..., Any]) -> None:
    forms = [
        (form(("a.txt", "x" * (MIB + 1))), 413),
        (form(("a.txt", "x" * MIB), ("b.txt", "x" * MIB), ("c.txt", "x" * MIB)), 413),
        (form(*((f"{n}.txt", "x") for n in range(5))), 413),
        (form(("a.txt", "x"), ("b/a.txt", "y")), 422),
        (form(("a.txt", "x"), ("b.exe", "y")), 415),
        (form(("a.txt", "x"), ("name", "y")), 422),
        (form(("a.txt", "x"), ("taken.txt", "y")), 409),
        ([], 415),
    ]
    async with serving(upload_file_mib=1, upload_mib=2, upload_files=4) as served:
        (served.root / "taken.txt").mkdir()
        for files, status in forms:
            answer = await served.client.post("/v1/files", files=files)
            assert answer.status_code == status, answer.text
            assert [path.name for path in served.root.iterdir()] == ["taken.txt"]


async def test_a_damaged_form_is_refused_and_leaves_nothing(served: Any) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    damaged = [
        (b"", 400),
        (b"xxx", 400),
        (b"--b\r\n", 400),
        (file + b"half", 400),
        (file + b"half\r\n--b", 400),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--b--\r\n', 422),
        (b"--b\r\n" + b"X-Many: 1\r\n" * 1000 + b"\r\n\r\n--b--\r\n", 400),
        (b"--b\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n\r\n--b--\r\n", 400),
    ]
    for content, status in damaged:
        answer = await served.client.post("/v1/files", content=content, headers=kind)
        assert answer.status_code == status, content[:80]
        assert list(served.root.iterdir()) == []


async def test_an_upload_that_is_cut_off_leaves_nothing(served: Any) -> None:
    _, writer = await asyncio.open_connection(*served.url.removeprefix("http://").split(":"))
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf a'
    head = (
        "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    writer.write(head.encode() + body)
    async with asyncio.timeout(20):
        while not list(served.root.glob(f"{PART_PREFIX}*")):
            await asyncio.sleep(0.01)
        writer.close()
        while list(served.root.iterdir()):
            await asyncio.sleep(0.01)
    answer = await served.client.get("/v1/sources")

    assert answer.json()["files"] == []


async def test_a_folder_that_is_a_link_takes_no_uploads(served: Any, desk: Path) -> None:
    elsewhere = desk / "elsewhere"
    elsewhere.mkdir()
    (served.root / "acme").symlink_to(elsewhere)
    acme = await served.caller("write", "acme")

    answer = await acme.post("/v1/files", files=form(("a.txt", TEXT)))

    assert answer.status_code == 409
    assert list(elsewhere.iterdir()) == []


async def test_a_link_in_the_folder_is_not_written_through(served: Any, desk: Path) -> None:
    (desk / "victim.txt").write_text("before")
    (served.root / "a.txt").symlink_to(desk / "victim.txt")

    answer = await served.client.post("/v1/files", files=form(("a.txt", TEXT)))

    assert answer.status_code == 409
    assert (desk / "victim.txt").read_text() == "before"


async def test_a_full_disk_is_said_and_nothing_is_acknowledged_and_nothing_left(
    served: Any,
) -> None:
    await served.hold(served.client, lake=TEXT)
    large = form(("lake.txt", "x" * 300_000), ("b.txt", TEXT))
    with no_room(100_000):
        full = await served.client.post("/v1/files", files=large)
    with no_descriptors():
        starved = await served.client.post("/v1/files", files=form(("lake.txt", "New.")))

    assert (full.status_code, full.json()["title"]) == (507, "Insufficient Storage")
    assert (starved.status_code, starved.json()["title"]) == (507, "Insufficient Storage")
    assert [path.name for path in served.root.iterdir()] == ["lake.txt"]
    assert (served.root / "lake.txt").read_text() == TEXT
    assert served.service.ingestion_queue.waiting == 0


async def test_an_upload_whose_ingestion_cannot_be_written_down_leaves_nothing(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_S", 0.01)
    async with serving() as served:
        await served.hold(served.client, lake=TEXT)
        with written_elsewhere(served.path):
            files = form(("lake.txt", "New."), ("b.txt", TEXT))
            refused = await served.client.post("/v1/files", files=files)
        left = {path.name: path.read_text() for path in served.root.iterdir()}

    assert refused.status_code == 503
    assert left == {"lake.txt": TEXT}


async def test_an_upload_that_was_cancelled_can_be_deleted_or_tried_again(served: Any) -> None:
    async with served.alir.ledger.lock("a test"):
        told = []
        for name in ("first", "a", "b"):
            answer = await served.client.post("/v1/files", files=form((f"{name}.txt", TEXT)))
            told.append(answer.json())
        cancelled = [
            (await served.client.delete(f"/v1/ingestions/{one['ingestion']['id']}")).json()
            for one in told[1:]
        ]
        sources = [one["files"][0]["source"] for one in told[1:]]
        deleted = await served.client.delete(f"/v1/sources/{sources[0]}")
        again = await served.client.post(f"/v1/sources/{sources[1]}/retry")
    ended = [await served.ended(served.client, one.json()) for one in (deleted, again)]
    gone = await served.client.delete(f"/v1/sources/{sources[0]}")

    assert [one["state"] for one in cancelled] == ["cancelled", "cancelled"]
    assert (deleted.status_code, again.status_code, gone.status_code) == (202, 202, 404)
    assert [one["state"] for one in ended] == ["done", "done"]
    assert sorted(path.name for path in served.root.iterdir()) == ["b.txt", "first.txt"]
    assert await served.alir.catalog.count_files() == 2


async def test_another_tenant_can_delete_no_upload_that_was_cancelled(served: Any) -> None:
    acme, zeta = await served.caller("write", "acme"), await served.caller("write", "zeta")
    async with served.alir.ledger.lock("a test"):
        told = (await acme.post("/v1/files", files=form(("a.txt", TEXT)))).json()
        await acme.delete(f"/v1/ingestions/{told['ingestion']['id']}")
        where = f"/v1/sources/{told['files'][0]['source']}"
        refused = await zeta.delete(where)
        allowed = await (await served.caller("write")).delete(where)

    assert (refused.status_code, allowed.status_code) == (404, 202)
    assert list((served.root / "acme").iterdir()) == []


async def test_another_service_that_starts_leaves_a_running_upload(served: Any) -> None:
    whole = form(("a.txt", TEXT))
    request = served.client.build_request("POST", "/v1/files", files=whole)
    body = request.read()

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:-20]
        async with asyncio.timeout(20):
            while not list(served.root.glob(f"{PART_PREFIX}*")):
                await asyncio.sleep(0.01)
        await asyncio.to_thread(clear_drafts, served.root)  # as each start does
        yield body[-20:]

    answer = await served.client.post(
        "/v1/files", content=slowly(), headers={"Content-Type": request.headers["content-type"]}
    )

    assert answer.status_code == 202
    assert (served.root / "a.txt").read_text() == TEXT


async def test_uploads_and_the_folders_of_tenants_are_their_owners_alone(served: Any) -> None:
    acme = await served.caller("write", "acme")
    answer = await acme.post("/v1/files", files=form(("a.txt", TEXT)))
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (served.root, served.root / "acme", served.root / "acme" / "a.txt")
    }

    assert answer.status_code == 202
    assert modes == {"documents": 0o700, "acme": 0o700, "a.txt": 0o600}


async def test_a_form_of_very_many_or_very_large_fields_is_refused(served: Any) -> None:
    field = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n%s\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    bodies = [field % b"" * (MAX_FIELDS + 1), field % (b"a" * 100_000)]
    statuses = [
        (
            await served.client.post("/v1/files", content=body + b"--b--\r\n", headers=kind)
        ).status_code
        for body in bodies
    ]
    some = await served.client.post(
        "/v1/files", data={f"f{number}": "a" for number in range(50)}, files=form(("a.txt", TEXT))
    )

    assert statuses == [413, 413]
    assert some.status_code == 202
    assert [path.name for path in served.root.iterdir()] == ["a.txt"]
