"""The served workflows: a failure is a problem that clients can read."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from alir.events.agent import MeaningChosen
from alir.testing import OpenAIServer, Reply, Say

QUESTION = {"question": "Where do bees keep their honey?"}


async def test_a_run_that_fails_says_why_and_nothing_else(
    served: Any, client_of: Callable[..., Any], told: Callable[..., Any]
) -> None:
    async with client_of(served) as client:
        with pytest.raises(httpx.HTTPStatusError, match="409 Conflict"):
            await client.run_workflow("ask", start_event=QUESTION)
        begun = await client.run_workflow_nowait("ask", start_event=QUESTION)
        events = await told(client, begun)
        ended = await client.wait_for_handler(begun.handler_id)
        of_v1 = (await served.client.post("/v1/ask", json=QUESTION)).json()

    assert ended.status == "failed"
    assert ended.error == of_v1["detail"]
    assert events[0].value == {"event": "problem", "data": of_v1}
    assert events[-1].type == "WorkflowFailedEvent"
    assert events[-1].value["exception"]["exception_message"] == of_v1["detail"]
    assert not [event for event in events if "Traceback" in event.model_dump_json()]


BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"


async def test_the_agent_asks_back_and_is_answered(
    serving: Callable[..., Any], client_of: Callable[..., Any]
) -> None:
    meanings = "Where do bees keep their honey?\nHow many eggs does the queen bee lay?"

    def doubting(request: dict[str, Any]) -> Reply:
        asks = request["messages"][0]["content"].startswith("Somebody asks a question.")
        return Say(meanings if asks else "")

    with OpenAIServer(doubting) as model:
        async with serving(llm_base_url=model.base_url) as served, client_of(served) as client:
            await served.hold(served.client, bees=BEES)
            begun = await client.run_workflow_nowait(
                "agent", start_event={"question": "Which?", "may_ask": True}
            )
            async for event in client.get_workflow_events(begun.handler_id):
                if event.value.get("event") == "meaning_asked":
                    asked = event.value["data"]["meanings"]
                    await client.send_event(begun.handler_id, MeaningChosen(meaning=asked[1]))
            ended = await client.get_handler(begun.handler_id)

    assert asked == meanings.split("\n")
    assert ended.result is not None
    assert ended.result.value["answer"]["question"] == asked[1]
