"""Ingestions: one after the other, told as they go, and never forgotten."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from alir.concurrency import turns
from alir.errors import StoreInUse
from alir.server import ingestion_queue
from alir.server.auth.caller import Tenant
from alir.server.ingestion_queue import MAX_WAITING, IngestionQueue
from alir.server.schemas.ingestions import Ingestion
from alir.steps.ingest import walk
from alir.storage import ingestions, sqlite_file
from alir.storage.service_database import ServiceDatabase, open_service_database
from tests.faults.scarce import no_descriptors, written_elsewhere
from tests.server.conftest import PATIENCE_S

TEXT = "The volcano of Rinjani has a lake in its crater."


async def _until_told(
    served: Any, ingestion: dict[str, Any], is_so: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so(ingestion):
            await asyncio.sleep(0.02)
            where = f"/v1/ingestions/{ingestion['id']}"
            ingestion = (await served.client.get(where)).json()
    return ingestion


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


async def test_a_tenant_that_fills_its_queue_leaves_room_for_others(served: Any) -> None:
    acme, zeta = await served.caller("write", "acme"), await served.caller("write", "zeta")
    (served.root / "acme").mkdir()
    (served.root / "acme" / "a.txt").write_text(TEXT)
    async with served.alir.ledger.lock("a test"):
        for _ in range(MAX_WAITING):
            begun = await acme.post("/v1/ingestions", json={"paths": ["a.txt"]})
            assert begun.status_code == 202
        refused = await acme.post("/v1/ingestions", json={"paths": ["a.txt"]})
        uploaded = await acme.post("/v1/files", files=[("file", ("b.txt", TEXT))])
        others = await zeta.post("/v1/files", files=[("file", ("b.txt", TEXT))])

    assert (refused.status_code, uploaded.status_code, others.status_code) == (429, 429, 202)
    assert int(refused.headers["retry-after"]) > 0
    assert not (served.root / "acme" / "b.txt").exists()


async def test_small_jobs_of_other_tenants_come_between_the_shards_of_a_large_one(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "GROUP_FILES", 1)
    monkeypatch.setattr(turns, "TURN_S", 0.0)
    async with serving(requests_per_minute=0) as served:
        acme, zeta = await served.caller("write", "acme"), await served.caller("write", "zeta")
        (served.root / "acme").mkdir()
        for number in range(120):
            (served.root / "acme" / f"{number}.txt").write_text(f"{TEXT} {number}.")
        large = (await acme.post("/v1/ingestions", json={"paths": ["."]})).json()
        where = f"/v1/ingestions/{large['id']}"
        async with asyncio.timeout(PATIENCE_S):
            while not (await acme.get(where)).json()["files_done"]:
                await asyncio.sleep(0.01)
        small = [await served.hold(zeta, **{f"z{number}": TEXT}) for number in range(2)]
        meanwhile = (await acme.get(where)).json()
        ended = await served.ended(acme, large)
        held = await served.alir.catalog.count_files()

    assert [one["state"] for one in small] == ["done", "done"]
    assert meanwhile["state"] == "running"
    assert meanwhile["files_done"] < meanwhile["files"] == 120
    assert (ended["state"], ended["report"]["added"]) == ("done", 120)
    assert held == 122


async def test_what_was_acknowledged_is_done_when_there_are_descriptors_again(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion_queue, "MAX_RETRY_WAIT_S", 0.05)
    await served.client.get("/v1/sources")  # the index is open
    with ExitStack() as scarce:
        async with served.alir.ledger.lock("a test"):
            files = [("file", ("a.txt", TEXT))]
            told = (await served.client.post("/v1/files", files=files)).json()["ingestion"]
            scarce.enter_context(no_descriptors())
        starved = await _until_told(
            served, told, lambda one: one["waiting"] and "another run" not in one["waiting"]
        )
        health = (await served.client.get("/health/ready")).json()["ingestions"]
    ended = await served.ended(served.client, starved)

    assert (starved["state"], starved["problem"]) == ("running", None)
    assert health["waiting"] == 1
    assert health["problem"]
    assert (ended["state"], ended["report"]["added"], ended["report"]["failed"]) == ("done", 1, [])


async def test_an_end_that_cannot_be_written_down_is_written_when_it_can(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(ingestion_queue, "MAX_RETRY_WAIT_S", 0.05)
    async with serving() as served:
        (served.root / "a.txt").write_text(TEXT)
        told = await served.begin(".")
        with written_elsewhere(served.path):
            waiting = await _until_told(served, told, lambda one: one["waiting"])
            again = await served.client.delete(f"/v1/ingestions/{told['id']}")
        ended = await served.ended(served.client, told)
        with open_service_database(served.path) as db:
            left = ingestions.list_unended(db, served.alir.settings.collection)

    assert waiting["waiting"].startswith("It is done")
    assert again.json()["state"] in {"running", "done"}
    assert ended["state"] == "done"
    assert left == []


async def test_what_waits_is_read_when_the_file_can_be_read(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(ingestion_queue, "MAX_RETRY_WAIT_S", 0.05)
    (served.root / "a.txt").write_text(TEXT)
    kept = Ingestion(id="b" * 32, kind="ingest", state="queued", paths=["a.txt"], begun="2026")
    collection = served.alir.settings.collection
    with open_service_database(served.path) as db:
        ingestions.write(db, collection, "", kept.id, kept.model_dump_json(), is_ended=False)
    database = ServiceDatabase(served.path)
    queue = IngestionQueue(served.alir, database, served.root)
    with written_elsewhere(served.path, "EXCLUSIVE"):
        await queue.start()
        problem, waiting = queue.problem, queue.waiting
    async with asyncio.timeout(PATIENCE_S):
        while (await queue.get(Tenant("", served.root), kept.id)).state != "done":
            await asyncio.sleep(0.01)
    await queue.stop()
    await database.aclose()

    assert (problem, waiting) == ("Misconfigured", 0)
    assert queue.problem is None


async def test_an_index_that_another_program_has_open_is_waited_for(
    serving: Callable[..., Any], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion_queue, "MAX_RETRY_WAIT_S", 0.2)
    lite = desk / "held.db"
    hold = (
        "import sys; from alir import AlirMilvusStore\n"
        f"store = AlirMilvusStore({str(lite)!r}); store.clear(); print('held', flush=True)\n"
        "sys.stdin.read(); store.close()"
    )
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", hold), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert await other.stdout.readline() == b"held\n"
    async with serving(milvus_uri=str(lite)) as served:
        (served.root / "a.txt").write_text(TEXT)
        told = await served.begin(".")
        waiting = await _until_told(served, told, lambda one: one["waiting"])
        other.stdin.close()
        await other.wait()
        ended = await served.ended(served.client, told)

    assert waiting["waiting"] == "The index is open in another program. Wait for that to end."
    assert (ended["state"], ended["report"]["added"]) == ("done", 1)


async def test_work_that_has_failed_for_days_goes_on_at_last(
    monkeypatch: pytest.MonkeyPatch, served: Any
) -> None:
    monkeypatch.setattr(ingestion_queue, "MAX_RETRY_WAIT_S", 0.0)
    (served.root / "a.txt").write_text(TEXT)
    failures = iter(range(1100))  # 2 to the power of 1,024 is no float
    run = served.alir.ingest.run

    def failing(**start: Any) -> Any:
        if next(failures, None) is not None:
            raise StoreInUse("milvus.db")
        return run(**start)

    monkeypatch.setattr(served.alir.ingest, "run", failing)
    ended = await served.ended(served.client, await served.begin("."))

    assert (ended["state"], ended["problem"]) == ("done", None)


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


async def test_a_large_job_that_is_cancelled_in_its_pause_leaves_the_turn_to_others(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "GROUP_FILES", 1)
    monkeypatch.setattr(turns, "TURN_S", 0.0)
    async with serving(requests_per_minute=0) as served:
        begun = []
        for name in ("acme", "zeta"):
            client = await served.caller("write", name)
            (served.root / name).mkdir()
            for number in range(40):
                (served.root / name / f"{number}.txt").write_text(f"{TEXT} {name} {number}.")
            told = (await client.post("/v1/ingestions", json={"paths": ["."]})).json()
            begun.append((client, told))
        (acme, first), (zeta, second) = begun
        async with asyncio.timeout(PATIENCE_S):
            while not (await zeta.get(f"/v1/ingestions/{second['id']}")).json()["files_done"]:
                await asyncio.sleep(0.01)
        cancelled = (await acme.delete(f"/v1/ingestions/{first['id']}")).json()
        ended = await served.ended(zeta, second)
        again = await served.hold(acme, new=TEXT)

    assert cancelled["state"] == "cancelled"
    assert (ended["state"], ended["report"]["added"]) == ("done", 40)
    assert (again["state"], again["report"]["added"]) == ("done", 1)
