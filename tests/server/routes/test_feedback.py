"""Feedback on answers: who may give it, what is kept, for how long, and who reads it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from alir.errors import ServiceFileFailed
from alir.server import kept_answers as answers
from alir.server.kept_answers import AnswerStore, KeptAnswer
from alir.storage import ingestions, keys
from alir.storage.service_database import VERSION, ServiceDatabase, open_service_database

BEES = "Bees keep their honey in combs of wax."
QUESTION = "Where do bees keep their honey?"
FIRST_VERSION = """
CREATE TABLE key (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, secret_hash BLOB NOT NULL, scope TEXT NOT NULL,
    tenant TEXT NOT NULL, created TEXT NOT NULL, revoked TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX key_by_name ON key (name) WHERE revoked IS NULL;
CREATE TABLE spent (
    key TEXT NOT NULL, day TEXT NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (key, day)
) WITHOUT ROWID;
CREATE TABLE ingestion (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, collection TEXT NOT NULL,
    tenant TEXT NOT NULL, is_ended INTEGER NOT NULL, told TEXT NOT NULL
);
PRAGMA application_id = 1634494835;
PRAGMA user_version = 1;
"""


def told(question: str) -> KeptAnswer:
    return KeptAnswer(
        kind="ask", question=question, text="In wax.", mode="extractive", citations=[]
    )


async def rate(client: httpx.AsyncClient, id_: str, **body: Any) -> httpx.Response:
    return await client.post(f"/v1/answers/{id_}/feedback", json=body)


async def test_each_kind_of_answer_can_be_rated_by_its_tenant_alone(served: Any) -> None:
    acme, zeta, house = [await served.caller("admin", one) for one in ("acme", "zeta", "")]
    reader = await served.caller("read", "acme")
    await served.hold(acme, bees=BEES)
    asked = {"question": QUESTION}
    chat = {"model": "alir", "messages": [{"role": "user", "content": QUESTION}]}
    ids = [(await reader.post(f"/v1/{kind}", json=asked)).json()["id"] for kind in ("ask", "agent")]
    ids.append((await acme.post("/v1/chat/completions", json=chat)).json()["id"])

    for other in (zeta, house):
        assert [(await rate(other, id_, rating="up")).status_code for id_ in ids] == [404] * 3
    for id_ in ids:
        assert (await rate(reader, id_, rating="up")).status_code == 200
    again = await rate(reader, ids[0], rating="down", comment=" Which combs? ")
    assert again.json() == {"id": ids[0], "rating": "down", "comment": "Which combs?"}

    assert (await reader.get("/v1/feedback")).status_code == 403
    assert (await zeta.get("/v1/feedback")).json() == {"feedback": [], "next": None}
    mine = (await acme.get("/v1/feedback")).json()
    assert (await house.get("/v1/feedback")).json() == mine
    last = mine["feedback"][0]
    assert (last["id"], last["rating"], last["tenant"]) == (ids[0], "down", "acme")
    assert [one["answer"]["kind"] for one in mine["feedback"]] == ["ask", "chat", "agent"]
    for one in mine["feedback"]:
        assert one["answer"]["question"] == QUESTION
        assert "combs of wax" in one["answer"]["text"]
        assert one["answer"]["citations"][0].keys() == {"source", "start", "end"}

    assert (await zeta.delete(f"/v1/feedback/{ids[0]}")).status_code == 404
    assert (await acme.delete(f"/v1/feedback/{ids[0]}")).json() == last
    assert (await rate(reader, ids[0], rating="up")).status_code == 404
    page = (await house.get("/v1/feedback?limit=1")).json()
    rest = (await house.get("/v1/feedback", params={"after": page["next"]})).json()
    assert [one["id"] for one in (*page["feedback"], *rest["feedback"])] == [ids[2], ids[1]]


@pytest.mark.parametrize(
    "body", [{}, {"rating": "good"}, {"rating": "up", "comment": "x" * 2001}, {"rating": None}]
)
async def test_what_is_no_feedback_is_refused(served: Any, body: dict[str, Any]) -> None:
    assert (await rate(served.client, "0" * 32, **body)).status_code == 422


async def test_an_answer_is_rated_after_a_restart_and_none_is_kept_where_none_is_to_be(
    serving: Callable[..., Any],
) -> None:
    async with serving() as served:
        await served.hold(served.client, bees=BEES)
        [rated, unrated] = [
            (await served.client.post("/v1/ask", json={"question": QUESTION})).json()["id"]
            for _ in range(2)
        ]
    async with serving() as served:
        assert (await rate(served.client, rated, rating="up")).status_code == 200
    async with serving(answers_kept=0) as served:
        new = (await served.client.post("/v1/ask", json={"question": QUESTION})).json()["id"]
        for id_ in (unrated, new):
            assert (await rate(served.client, id_, rating="up")).status_code == 404
        [kept] = (await served.client.get("/v1/feedback")).json()["feedback"]
        assert kept["id"] == rated
        with open_service_database(served.path) as db:
            assert db.execute("SELECT count(*) FROM answer").fetchone() == (1,)


async def test_answers_are_kept_for_a_while_in_a_number_by_tenant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = ServiceDatabase(tmp_path / "a.service")
    kept = AnswerStore(database, "notes", most=2)
    monkeypatch.setattr(answers, "RATED_KEPT", 2)
    for number in range(4):
        kept.keep(f"a{number}", "acme", told("Who?"))
    kept.keep("z0", "zeta", told("Who?"))
    taken = [await kept.rate("acme", f"a{number}", "up", "") for number in range(4)]
    assert taken == [False, False, True, True]
    assert not await AnswerStore(database, "others", most=2).rate("acme", "a2", "up", "")

    with open_service_database(database.path) as db:
        db.execute("UPDATE answer SET at_ms = 0")
    await kept.start()
    assert not await kept.rate("zeta", "z0", "up", "")
    kept.keep("a4", "acme", told("Who else?"))
    assert await kept.rate("acme", "a4", "down", "")
    assert [one.given.id for one in await kept.rated(None, limit=9, after=None)] == ["a4", "a3"]
    await kept.stop()
    await database.aclose()


def test_a_file_of_the_first_version_keeps_its_keys_and_ingestions(tmp_path: Path) -> None:
    path = tmp_path / "a.service"
    before = sqlite3.connect(path)
    before.executescript(FIRST_VERSION)
    secret = keys.add(before, "old", "write", "acme")
    ingestions.write(before, "notes", "acme", "i", '{"state": "queued"}', is_ended=False)
    keys.add_tokens(before, "k", 7)
    before.commit()
    before.close()

    for _ in range(2):
        with open_service_database(path) as db:
            key = keys.check_secret(db, secret).key
            assert key is not None
            assert (key.name, key.tenant) == ("old", "acme")
            assert ingestions.list_unended(db, "notes") == [("acme", '{"state": "queued"}')]
            assert keys.tokens_today(db, "k") == 7
            assert db.execute("SELECT count(*) FROM answer").fetchone() == (0,)
            assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    with open_service_database(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with (
        pytest.raises(ServiceFileFailed, match="none of this version"),
        open_service_database(path),
    ):
        pass
