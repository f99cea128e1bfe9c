"""The agent over HTTP: its answer, its decisions as events, its sessions."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from alir.testing import OpenAIServer, Say

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"
QUESTION = "Where do bees keep their honey, and how many eggs does the queen bee lay a day?"


@pytest.fixture
async def held(served: Any) -> Any:
    await served.hold(served.client, bees=BEES)
    return served


async def streamed(client: httpx.AsyncClient, **body: Any) -> list[tuple[str, Any]]:
    return [one async for one in streaming(client, **body)]


async def streaming(client: httpx.AsyncClient, **body: Any) -> AsyncIterator[tuple[str, Any]]:
    headers = {"Accept": "text/event-stream"}
    async with client.stream("POST", "/v1/agent", json=body, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


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


# The agent's questions back


@pytest.fixture
async def unsure(serving: Callable[..., Any]) -> AsyncIterator[Callable[..., Any]]:
    """A service whose language model finds two meanings in every question."""

    def reply(request: dict[str, Any]) -> Say:
        is_asked = request["messages"][0]["content"].startswith("Somebody asks a question.")
        return Say("Where is honey kept?\nHow many eggs does a queen lay?" if is_asked else "")

    with OpenAIServer(reply) as server:
        yield lambda **settings: serving(
            llm_base_url=server.base_url, llm_model="m", questions_at_once=2, **settings
        )


async def test_a_run_asks_what_is_meant_and_only_its_tenant_may_say(
    unsure: Callable[..., Any],
) -> None:
    async with unsure() as served:
        acme, zeta, house = [await served.caller("write", one) for one in ("acme", "zeta", "")]
        await served.hold(acme, bees=BEES)
        said = {"meaning": "How many eggs does a queen lay?"}
        told = []
        async for name, one in streaming(acme, question="How many?", may_ask=True):
            told.append((name, one))
            if name == "meaning_asked":
                path = f"/v1/agent/{one['id']}/meaning"
                assert one["meanings"] == ["Where is honey kept?", said["meaning"]]
                # One in two places is for waiting: another run goes on with what it was asked.
                other = await streamed(acme, question="Where is honey?", may_ask=True)
                assert "meaning_asked" not in {name for name, _ in other}
                assert any("Nobody said" in line for line in other[-1][1]["degraded"])
                for stranger in (zeta, house):
                    assert (await stranger.post(path, json=said)).status_code == 404
                assert (await acme.post(path, json={"meaning": " "})).status_code == 422
                assert (await acme.post(path, json=said)).json() == {"id": one["id"], **said}
                assert (await acme.post(path, json=said)).status_code == 404

    assert [name for name, _ in told].count("meaning_asked") == 1
    assert told[-1][0] == "answer"
    assert told[-1][1]["question"] == said["meaning"]
    assert told[-1][1]["id"] in path
    assert not any("Nobody said" in line for line in told[-1][1]["degraded"])


async def test_a_run_that_nobody_tells_goes_on_and_one_whose_client_goes_is_ended(
    unsure: Callable[..., Any],
) -> None:
    async with unsure(meaning_wait_s=0.05) as served:
        await served.hold(served.client, bees=BEES)
        told = await streamed(served.client, question="How many?", may_ask=True)
    assert "meaning_asked" in {name for name, _ in told}
    assert told[-1][1]["question"] == "How many?"
    assert any("Nobody said" in line for line in told[-1][1]["degraded"])

    async with unsure() as served:
        async for name, _ in streaming(served.client, question="How many?", may_ask=True):
            if name == "meaning_asked":
                break
        async with asyncio.timeout(10):
            while served.service.rate_limiter.question_limiter.active:
                await asyncio.sleep(0.01)
        told = []
        async for name, one in streaming(served.client, question="How many?", may_ask=True):
            told.append(name)
            if name == "meaning_asked":  # the place for waiting is free again
                await served.client.post(
                    f"/v1/agent/{one['id']}/meaning", json={"meaning": "How many eggs?"}
                )
    assert told[-1] == "answer"
    assert "meaning_asked" in told
