"""The tokens that questions cost."""

from collections.abc import Callable
from typing import Any

import pytest

from alir.storage import keys
from alir.storage.service_database import open_service_database
from alir.testing import OpenAIServer, Say


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
                await served.settled()
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
