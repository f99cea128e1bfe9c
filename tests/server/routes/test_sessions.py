"""Conversations over HTTP: listed, read and forgotten, each tenant's alone."""

from typing import Any
from urllib.parse import quote

import httpx

FORGED = [
    *("acme/talk", "../acme/talk", "acme%2Ftalk", "%", "_", "tal_", "t%", "%/talk", "talk%00"),
    *("ow_", "o%", "OWN", "own ", "own/", "acme:talk", "' OR 1=1 --", "*", "[a-z]alk", "Talk"),
    *("talk ", "talk\n", "\ud7ff"),
]


async def names(client: httpx.AsyncClient, **query: Any) -> list[str]:
    page = (await client.get("/v1/sessions", params=query)).json()
    return [one["name"] for one in page["sessions"]]


async def test_a_conversation_is_listed_read_and_forgotten(served: Any) -> None:
    await served.hold(served.client, bees="Bees keep their honey in combs of wax.")
    for question in ("Where do bees keep their honey?", "Of what are they?"):
        answer = await served.client.post(
            "/v1/agent", json={"question": question, "session": "talk"}
        )
        assert answer.status_code == 200

    [listed] = (await served.client.get("/v1/sessions")).json()["sessions"]
    whole = (await served.client.get("/v1/sessions/talk")).json()
    last = (await served.client.get("/v1/sessions/talk?limit=1")).json()
    first = await served.client.get("/v1/sessions/talk", params={"after": last["next"]})

    assert (listed["name"], listed["questions"]) == ("talk", 2)
    assert listed["begun"] <= listed["last"]
    assert [turn["question"] for turn in whole["turns"]][1:] == ["Where do bees keep their honey?"]
    assert "combs of wax" in whole["turns"][0]["answer"]
    assert whole["next"] is None
    assert last["turns"] + first.json()["turns"] == whole["turns"]

    gone = await served.client.delete("/v1/sessions/talk")
    assert (gone.status_code, gone.json()) == (200, {"name": "talk"})
    assert (await served.client.delete("/v1/sessions/talk")).status_code == 404
    assert await names(served.client) == []


async def test_no_name_reaches_another_tenants_conversation(served: Any) -> None:
    sessions = served.alir.sessions
    for name in ("acme/talk", "acme/second", "acme-2/talk", "acm/e", "house", "zeta/own"):
        await sessions.add_turn(name, f"What is {name}?", "It is.")
    acme, zeta, house = [await served.caller("write", one) for one in ("acme", "zeta", "")]

    assert await names(acme) == ["second", "talk"]
    assert await names(zeta) == ["own"]
    assert await names(house) == ["house"]  # as everybody, its own alone
    unknown = await zeta.get("/v1/sessions/nothing")
    for name in ("talk", "second", "house", *FORGED):
        for path in (f"/v1/sessions/{quote(name, safe=safe)}" for safe in ("", "%/:*[]'")):
            for answer in (await zeta.get(path), await zeta.delete(path)):
                assert answer.status_code == 404, path
                assert answer.json()["title"] == unknown.json()["title"]
    # Only as a cursor does a name come from outside, and it chooses nothing but the place.
    for name in ("%", "0", "zeta/own", "house", "~"):
        seen = await names(zeta, after=f"{2**62}-{name}")
        assert seen == ["own"], name
    assert await names(acme) == ["second", "talk"]
    assert (await house.get("/v1/sessions/acme%2Ftalk")).status_code == 404


async def test_conversations_come_in_pages_the_last_used_first(served: Any) -> None:
    for number in range(5):
        await served.alir.sessions.add_turn(f"s{number}", "Who?", "Nobody.")
    await served.alir.sessions.add_turn("s0", "And who else?", "Nobody else.")
    found, after = [], ""
    while True:
        page = (await served.client.get(f"/v1/sessions?limit=2&after={after}")).json()
        assert 0 < len(page["sessions"]) <= 2
        found += [(one["name"], one["questions"]) for one in page["sessions"]]
        if (after := page["next"]) is None:
            break

    assert found == [("s0", 2), ("s4", 1), ("s3", 1), ("s2", 1), ("s1", 1)]
    for query in ("limit=0", "limit=101", "limit=x", "after=x", "before=1", "limit=1&limit=2"):
        refused = await served.client.get(f"/v1/sessions?{query}")
        assert refused.status_code == 422, query
        assert refused.json()["errors"]
