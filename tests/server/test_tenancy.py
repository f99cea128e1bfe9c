"""Tenants: what is each one's own. What none reaches of another is in test_every_route.py."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

ACME = "The harvest of the acme estate was ninety tons of coffee."
ZETA = "The harvest of the zeta estate was seven tons of tea."
ASKED = {"start_event": {"question": "What was the harvest of the estate?"}}
CHOSEN = {"event": {"type": "MeaningChosen", "value": {"meaning": "x"}}}
WORDS = ("coffee", "tea")


async def two(served: Any) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    acme, zeta = await served.caller("write", "acme"), await served.caller("write", "zeta")
    await served.hold(acme, harvest=ACME)
    await served.hold(zeta, harvest=ZETA)
    return acme, zeta


async def test_an_upload_lies_in_the_tenants_own_folder_and_is_listed_to_it_alone(
    served: Any,
) -> None:
    acme, _ = await two(served)

    listed = (await acme.get("/v1/sources")).json()
    of_admin = (await (await served.caller("read")).get("/v1/sources")).json()

    assert [one["file"] for one in listed["files"]] == [str(served.root / "acme/harvest.txt")]
    assert len(of_admin["files"]) == 2
    assert (served.root / "acme/harvest.txt").read_text() == ACME


async def test_a_run_finds_its_tenants_files_and_an_admin_key_sees_all_runs(
    served: Any,
) -> None:
    acme, zeta = await two(served)
    admin = await served.caller("read")
    runs = {}
    for name, one in (("acme", acme), ("zeta", zeta), ("admin", admin)):
        for workflow in ("search", "ask", "agent"):
            runs[name, workflow] = await one.post(
                f"/workflows/workflows/{workflow}/run", json=ASKED
            )
    listed = [(await one.get("/workflows/handlers")).json() for one in (acme, zeta, admin)]

    for (name, workflow), answer in runs.items():
        has = {word: word in answer.json()["result"]["value"].__repr__() for word in WORDS}
        expected = {"coffee": name != "zeta", "tea": name != "acme"}
        assert has == expected, (name, workflow)
    assert [len(one["handlers"]) for one in listed] == [3, 3, 9]


async def test_a_tenant_ingests_nothing_outside_of_its_folder(served: Any) -> None:
    acme, _ = await two(served)
    (served.root / "acme/link").symlink_to(served.root / "zeta")
    named = ["../zeta", str(served.root / "zeta"), "link", "link/harvest.txt", "..", "../nowhere"]

    answers = [await acme.post("/v1/ingestions", json={"paths": [path]}) for path in named]

    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1


async def test_a_tenants_report_says_nothing_of_the_rest_of_the_index(served: Any) -> None:
    acme, zeta = await two(served)
    first = await served.hold(zeta, guess="Something else.")
    # The same words as another's: their vector is held, and that is not told.
    guessed = await served.hold(zeta, guess=ACME)

    assert first["report"] == {
        "files": 1,
        "added": 1,
        "updated": 0,
        "moved": 0,
        "deleted": 0,
        "unchanged": 0,
        "failed": [],
    }
    assert guessed["report"].keys() == first["report"].keys()
    assert (await acme.get("/v1/sources")).json()["files"][0]["chunks"] == 1


async def test_a_file_of_the_same_name_is_each_tenants_own(served: Any) -> None:
    acme, zeta = await two(served)
    [mine] = (await acme.get("/v1/sources")).json()["files"]
    deleted = (await acme.delete(f"/v1/sources/{mine['id']}")).json()
    await served.ended(acme, deleted)

    assert (await acme.get("/v1/sources")).json()["files"] == []
    assert len((await zeta.get("/v1/sources")).json()["files"]) == 1
    assert not (served.root / "acme/harvest.txt").exists()
    assert (served.root / "zeta/harvest.txt").exists()


async def test_a_slow_disk_does_not_spare_a_deleted_file(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.hold(served.client, komodo="Komodo has dragons.")
    [held] = (await served.client.get("/v1/sources")).json()["files"]
    unlink = Path.unlink

    def slowly(path: Path, missing_ok: bool = False) -> None:
        time.sleep(0.3)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", slowly)
    deleted = (await served.client.delete(f"/v1/sources/{held['id']}")).json()
    await served.ended(served.client, deleted)

    assert (await served.client.get("/v1/sources")).json()["files"] == []
