"""How much may be asked: what is too much is refused, and says when to come again."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from alir.server.auth.caller import Caller, Tenant
from alir.server.limits.question_limiter import QuestionLimiter
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.problems import ProblemException
from alir.storage import keys
from alir.storage.service_database import ServiceDatabase, open_service_database
from alir.testing import OpenAIServer, Say, Stall

QUESTION = {"question": "What is there?"}
HOUSE = Caller("", "admin", Tenant("", Path("/")))


async def test_a_key_that_asks_too_often_waits_and_others_do_not(
    serving: Callable[..., Any],
) -> None:
    async with serving(requests_per_minute=3) as served:
        one, other = await served.caller("read"), await served.caller("read")
        statuses = [(await one.get("/v1/sources")).status_code for _ in range(3)]
        refused = await one.get("/v1/sources")
        others = await other.get("/v1/sources")
        health = await one.get("/health/live")

    assert statuses == [200] * 3
    assert (refused.status_code, others.status_code, health.status_code) == (429, 200, 200)
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert refused.json()["title"] == "Too Many Requests"


def test_requests_come_back_with_time(desk: Path) -> None:
    now = 0.0
    limits = RateLimiter(
        ServiceDatabase(desk / "x"),
        requests_per_minute=60,
        tokens_per_day=0,
        question_limiter=QuestionLimiter(1, max_waiting=0, wait_timeout_s=1),
        clock=lambda: now,
    )
    for _ in range(60):
        limits.count_request("a")
    with pytest.raises(ProblemException):
        limits.count_request("a")
    now = 2.0
    limits.count_request("a")
    limits.count_request("a")
    with pytest.raises(ProblemException):
        limits.count_request("a")
    now = 1e6  # no more than a minute's are saved
    for _ in range(60):
        limits.count_request("a")
    with pytest.raises(ProblemException):
        limits.count_request("a")


async def settled(served: Any) -> None:
    """Wait until what was asked has been counted: that is after the answer's last byte."""
    async with asyncio.timeout(20):
        while served.service.rate_limiter.active_questions:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_key_whose_tokens_are_spent_asks_no_more_today(
    serving: Callable[..., Any], accept: str
) -> None:
    with OpenAIServer(Say("Tea is grown on the hills of Ciwidey [1].")) as model:
        async with serving(tokens_per_day=100, llm_base_url=model.base_url) as served:
            client, other = await served.caller("write"), await served.caller("read")
            await served.hold(client, tea="Tea is grown on the hills of Ciwidey.")
            ask = {"json": {"question": "Where is tea grown?"}, "headers": {"Accept": accept}}
            answers = []
            for one in (client, client, other):
                answers.append(await one.post("/v1/ask", **ask))
                await settled(served)
            listed = await client.get("/v1/sources")
            with open_service_database(served.path) as db:
                costs = {one.id: keys.tokens_today(db, one.id) for one in keys.list_all(db)}

    sent = "".join(one["content"] for one in model.requests[0]["messages"])
    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert 1 <= int(answers[1].headers["retry-after"]) <= 86_401
    assert listed.status_code == 200
    assert len(model.requests) == 2
    # Each of the two keys has cost what was sent for it and what was replied.
    assert len(costs) == 2
    assert all(max(100, len(sent) / 8) <= cost <= len(sent) for cost in costs.values())


async def test_what_costs_no_tokens_is_answered_though_they_are_few(
    serving: Callable[..., Any],
) -> None:
    async with serving(tokens_per_day=1) as served:
        await served.hold(served.client, tea="Tea is grown on the hills of Ciwidey.")
        ask = {"question": "Where is tea grown?"}
        answers = [await served.client.post("/v1/ask", json=ask) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3


async def test_one_question_too_many_is_refused_and_the_place_comes_back(
    serving: Callable[..., Any],
) -> None:
    async with serving(questions_at_once=2, questions_waiting=0) as served:
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(served.service.rate_limiter.question_slot(HOUSE))
            busy = await served.client.post("/v1/ask", json=QUESTION)
            listed = await served.client.get("/v1/sources")
        answers = []
        for _ in range(5):
            answers.append(await served.client.post("/v1/ask", json=QUESTION))
            await settled(served)

    assert busy.status_code == 429
    assert busy.json()["title"] == "Busy"
    assert int(busy.headers["retry-after"]) >= 1
    assert listed.status_code == 200
    assert {answer.status_code for answer in answers} == {409}


async def test_a_question_waits_for_a_place_and_is_then_answered(
    serving: Callable[..., Any],
) -> None:
    async with serving(questions_at_once=1) as served:
        async with served.service.rate_limiter.question_slot(HOUSE):
            asking = asyncio.create_task(served.client.post("/v1/ask", json=QUESTION))
            async with asyncio.timeout(20):
                while not served.service.rate_limiter.question_limiter.waiting:
                    await asyncio.sleep(0.01)
        answer = await asking
        await settled(served)

    assert answer.status_code == 409  # nothing was ingested


async def test_a_streamed_question_keeps_its_place_until_its_end(
    serving: Callable[..., Any],
) -> None:
    async with serving(questions_at_once=1) as served:
        await served.hold(served.client, tea="Tea is grown on the hills of Ciwidey.")
        events = {"Accept": "text/event-stream"}
        ask = {"json": {"question": "Where is tea grown?"}, "headers": events}
        async with served.client.stream("POST", "/v1/ask", **ask) as stream:
            places = served.service.rate_limiter.active_questions
            lines = [line async for line in stream.aiter_lines()]
        await settled(served)
        async with served.client.stream("POST", "/v1/ask", **ask) as again:
            status = again.status_code
            await again.aread()
        await settled(served)

    assert places == 1
    assert any(line == "event: answer" for line in lines)
    assert status == 200


async def test_a_question_whose_asker_has_gone_is_ended(serving: Callable[..., Any]) -> None:
    with OpenAIServer(Stall(120)) as model:
        async with serving(llm_base_url=model.base_url) as served:
            await served.hold(served.client, tea="Tea is grown on the hills of Ciwidey.")
            asking = asyncio.create_task(
                served.client.post("/v1/ask", json={"question": "Where is tea grown?"})
            )
            async with asyncio.timeout(20):
                while not model.requests:
                    await asyncio.sleep(0.01)
            before = served.service.rate_limiter.active_questions
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await settled(served)

    assert before == 1
