"""The agent's questions back: who may answer them, for how long, and what goes on without."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from alir.testing import OpenAIServer, Say
from tests.server.routes.agent_stream import streamed, streaming

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"


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
        # One key alone gets no more than one of two places.
        colleague = await served.caller("write", "acme")
        await served.hold(acme, bees=BEES)
        said = {"meaning": "How many eggs does a queen lay?"}
        told = []
        async for name, one in streaming(acme, question="How many?", may_ask=True):
            told.append((name, one))
            if name == "meaning_asked":
                path = f"/v1/agent/{one['id']}/meaning"
                assert one["meanings"] == ["Where is honey kept?", said["meaning"]]
                # One in two places is for waiting: another run goes on with what it was asked.
                other = await streamed(colleague, question="Where is honey?", may_ask=True)
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
