"""Ingestions: one after the other, told as they go, and never forgotten."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from alir.server.ingestion_queue import MAX_WAITING
from alir.server.schemas.ingestions import Ingestion
from alir.storage import ingestions
from alir.storage.service_database import open_service_database

TEXT = "The volcano of Rinjani has a lake in its crater."


async def test_one_that_another_run_holds_up_is_made_when_that_ends(served: Any) -> None:
    (served.root / "a.txt").write_text(TEXT)
    async with served.alir.ledger.lock("a test"):
        told = await served.begin(".")
        async with asyncio.timeout(20):
            while not told["waiting"]:
                await asyncio.sleep(0.01)
                told = (await served.client.get(f"/v1/ingestions/{told['id']}")).json()
    ended = await served.ended(served.client, told)

    assert told["waiting"] == "Another run writes to the index. Wait for it to end."
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
            await served.begin("a.txt")
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
            told = await served.begin(".")
            async with asyncio.timeout(20):
                while told["state"] != "running":
                    await asyncio.sleep(0.01)
                    told = (await served.client.get(f"/v1/ingestions/{told['id']}")).json()
            await served.service.ingestion_queue.stop()
    async with serving() as served:
        ended = await served.ended(served.client, told)

    assert ended["state"] == "done"


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
