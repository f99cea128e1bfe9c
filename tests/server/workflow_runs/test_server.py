"""The workflow server: runs hold a slot, end when they are told to, and outlive a stop."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from alir.server.workflow_runs.routes import PREFIX
from alir.testing import OpenAIServer, Reply, Say, Stall

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"


QUESTION = {"question": "Where do bees keep their honey?"}


async def test_a_run_is_cancelled_and_forgotten(
    serving: Callable[..., Any],
    client_of: Callable[..., Any],
    told: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    with OpenAIServer(Stall(120)) as model:
        async with serving(llm_base_url=model.base_url) as served, client_of(served) as client:
            await served.hold(served.client, bees=BEES)
            waiting = asyncio.create_task(client.run_workflow("ask", start_event=QUESTION))
            await until(lambda: model.requests)
            [run] = (await client.get_handlers(["running"])).handlers
            look = await client.httpx_client.get(f"/handlers/{run.handler_id}")
            nothing = await client.httpx_client.post(
                f"/events/{run.handler_id}",
                json={"event": {"type": "MeaningChosen", "value": {"meaning": "x"}}},
            )
            stolen = [
                await client.httpx_client.post(
                    f"/events/{run.handler_id}", json={"event": {"type": kind, "value": value}}
                )
                for kind, value in (("AskQuestion", QUESTION), ("RunAnswer", {"answer": {}}))
            ]
            cancelled = await client.cancel_handler(run.handler_id)
            with pytest.raises(httpx.HTTPStatusError, match="409 Conflict"):
                await waiting
            after = await client.get_handler(run.handler_id)
            events = await told(client, run)
            await until(lambda: not served.service.rate_limiter.question_limiter.active)
            purged = await client.cancel_handler(run.handler_id, purge=True)
            gone = await client.httpx_client.get(f"/handlers/{run.handler_id}")

    assert look.status_code == 202
    assert nothing.status_code == 409
    assert [one.status_code for one in stolen] == [422, 422]
    assert cancelled.status == "cancelled"
    assert after.status == "cancelled"
    assert events[-1].type == "WorkflowCancelledEvent"
    assert purged.status == "deleted"
    assert gone.status_code == 404


async def test_a_run_has_a_place_until_it_ends_and_costs_its_key(
    serving: Callable[..., Any],
    client_of: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    replies: list[Reply] = [Stall(120), Say("In combs of wax [1].")]
    with OpenAIServer(lambda _: replies.pop(0)) as model:
        async with serving(
            llm_base_url=model.base_url,
            questions_at_once=1,
            questions_waiting=0,
            tokens_per_day=200,
        ) as served:
            who = await served.caller("write", "acme")
            await served.hold(who, bees=BEES)
            async with client_of(served, who) as client:
                begun = await client.run_workflow_nowait("ask", start_event=QUESTION)
                path = f"{PREFIX}/workflows/search/run"
                busy = await who.post(path, json={"start_event": QUESTION})
                await until(lambda: model.requests)
                await client.cancel_handler(begun.handler_id)
                await until(lambda: not served.service.rate_limiter.question_limiter.active)
                answer = await client.run_workflow("ask", start_event=QUESTION)
                await until(lambda: not served.service.rate_limiter.question_limiter.active)
                spent = await who.post(path, json={"start_event": QUESTION})

    assert [one.status_code for one in (busy, spent)] == [429, 429]
    assert [one.json()["title"] for one in (busy, spent)] == ["Busy", "Budget Spent"]
    assert busy.headers["retry-after"]
    assert answer.status == "completed"


async def test_a_service_that_stops_leaves_its_runs_for_the_next_start(
    serving: Callable[..., Any],
    client_of: Callable[..., Any],
    told: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    stalls: list[Reply] = [Stall(120)] * 2
    of_agent = {**QUESTION, "budget": {"calls": 9}, "session": "talk", "top_k": 1}
    with OpenAIServer(lambda _: stalls.pop() if stalls else Say("In combs of wax [1].")) as model:
        async with serving(llm_base_url=model.base_url) as served:
            who = await served.caller("write", "acme")
            await served.hold(who, bees=BEES)
            async with client_of(served, who) as client:
                begun = await client.run_workflow_nowait("ask", start_event=QUESTION)
                agent = await client.run_workflow_nowait("agent", start_event=of_agent)
                await until(lambda: len(model.requests) == 2)
        async with (
            serving(llm_base_url=model.base_url, tokens_per_day=10) as served,
            client_of(served, who) as client,
        ):
            events = await told(client, begun)
            ended = await client.get_handler(begun.handler_id)
            agents = await client.wait_for_handler(agent.handler_id, poll_interval=0.05)
            await until(lambda: not served.service.rate_limiter.question_limiter.active)
            spent = await client.httpx_client.post(
                "/workflows/search/run", json={"start_event": QUESTION}
            )

    assert (ended.status, agents.status) == ("completed", "completed")
    assert len(agents.result.value["answer"]["sources"]) == 1  # type: ignore[union-attr]
    assert events[-1].value == ended.result.value  # type: ignore[union-attr]
    # It is its tenant's, and its key pays for it, after the restart too.
    assert [one["file"] for one in ended.result.value["answer"]["sources"]] == [  # type: ignore[union-attr]
        str(served.root / "acme/bees.txt")
    ]
    assert spent.status_code == 429
