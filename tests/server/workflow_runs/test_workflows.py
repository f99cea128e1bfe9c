"""The served workflows: a failure is a problem that clients can read."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

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
