"""Questions over HTTP: the answer, the decisions as events, the sessions."""

from typing import Any

import pytest

from tests.server.routes.agent_stream import streamed

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"
QUESTION = "Where do bees keep their honey, and how many eggs does the queen bee lay a day?"


@pytest.fixture
async def held(served: Any) -> Any:
    await served.hold(served.client, bees=BEES)
    return served


async def test_both_parts_are_answered_with_their_evidence(held: Any) -> None:
    answer = (await held.client.post("/v1/agent", json={"question": QUESTION})).json()

    assert "combs of wax" in answer["text"]
    assert "two thousand eggs" in answer["text"]
    assert len(answer["parts"]) == 2
    for citation in answer["citations"]:
        assert BEES[citation["start"] : citation["end"]] == citation["quote"]


async def test_every_decision_is_an_event(held: Any) -> None:
    told = await streamed(held.client, question=QUESTION, steps=True)

    names = [name for name, _ in told]
    assert names[-1] == "answer"
    assert {"question_decomposed", "evidence_found", "token", "step"} <= {*names}
    [parts] = [one["parts"] for name, one in told if name == "question_decomposed"]
    found = [one for name, one in told if name == "evidence_found"]
    assert {one["part"] for one in found} == set(range(1, len(parts) + 1))
    assert all(one["files"] == [str(held.root / "bees.txt")] for one in found)
    text = "".join(one["text"] for name, one in told if name == "token")
    assert text == told[-1][1]["text"]


async def test_what_may_be_spent_is_kept_to(held: Any) -> None:
    told = await streamed(held.client, question=QUESTION, budget={"calls": 1})

    [spent] = [one for name, one in told if name == "budget_spent"]
    assert any(line.startswith(spent["reason"]) for line in told[-1][1]["degraded"])
    assert told[-1][1]["spent"]["calls"] == 1


async def test_a_session_is_its_tenants_own(held: Any) -> None:
    acme, zeta = await held.caller("write", "acme"), await held.caller("write", "zeta")
    for tenant in (acme, zeta):
        await held.hold(tenant, bees=BEES)
    first = {"question": "Where do bees keep their honey?", "session": "talk"}
    assert (await acme.post("/v1/agent", json=first)).status_code == 200

    follow = {"question": "Do they lay eggs?", "session": "talk"}
    theirs = await streamed(zeta, **follow)
    mine = await streamed(acme, **follow)

    assert "question_restated" not in {name for name, _ in theirs}
    [restated] = [one for name, one in mine if name == "question_restated"]
    assert "honey" in restated["question"]


@pytest.mark.parametrize(
    "body",
    [
        {"question": "x", "session": "acme/talk"},
        {"question": "x", "session": "talk\n"},
        {"question": "x", "session": ""},
        {"question": "x", "budget": {"calls": 0}},
        {"question": "x", "budget": {"seconds": -1}},
        {"question": "x", "may_ask": True},
        {"question": " "},
    ],
)
async def test_what_is_no_such_question_is_refused(served: Any, body: Any) -> None:
    refused = await served.client.post("/v1/agent", json=body)

    assert refused.status_code == 422
    assert refused.json()["errors"]
