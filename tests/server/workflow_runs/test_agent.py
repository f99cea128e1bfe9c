"""The agent on the workflow server."""

from collections.abc import Callable
from typing import Any

from alir.events.agent import MeaningChosen
from alir.testing import OpenAIServer, Reply, Say

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
