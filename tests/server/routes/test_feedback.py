"""Feedback on answers: who may give it, what is kept, and who reads it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from alir.storage.service_database import open_service_database

BEES = "Bees keep their honey in combs of wax."
QUESTION = "Where do bees keep their honey?"


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
