"""The stream of an answer, when the service stops: it goes on for a while, then says so."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx

from alir.server.workflow_runs.routes import PREFIX
from alir.testing import HOSTILE_REPLIES, OpenAIServer

QUESTION = "What divides two kinds of animals?"
CHAT = {"model": "alir", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
RUNS = f"{PREFIX}/workflows/ask/run"


async def asked(client: httpx.AsyncClient, path: str, body: Any) -> tuple[int, str]:
    headers = {} if path.endswith(RUNS) else {"Accept": "text/event-stream"}
    answer = await client.post(path, json=body, headers=headers)
    return answer.status_code, answer.text


async def test_a_stop_ends_every_route_with_a_word_of_it(serving: Callable[..., Any]) -> None:
    limits = {"llm_timeout_s": 600, "llm_max_reply_chars": 10**9, "drain_s": 2}
    question = {"question": QUESTION}
    with OpenAIServer(HOSTILE_REPLIES["a word now and then"]) as model:
        async with asyncio.timeout(60), httpx.AsyncClient(timeout=60) as client:
            async with serving(llm_base_url=model.base_url, **limits) as served:
                await served.hold(served.client, strait="The strait divides two kinds of animals.")
                asking = [
                    asyncio.create_task(asked(client, served.url + path, body))
                    for path, body in (
                        ("/v1/ask", question),
                        ("/v1/chat/completions", CHAT),
                        (RUNS, {"start_event": question}),
                    )
                ]
                whole = asyncio.create_task(client.post(f"{served.url}/v1/ask", json=question))
                while len(model.requests) < 4:
                    await asyncio.sleep(0.01)
            (_, ask), (_, chat), (run_status, run) = await asyncio.gather(*asking)
            whole_answer = await whole
            while model.endless:
                await asyncio.sleep(0.01)

    assert ask.count("event: problem") == 1
    assert json.loads(ask.strip().rpartition("data: ")[2])["title"] == "Stopping"
    assert "event: answer" not in ask
    *_, error, done = chat.strip().split("data: ")
    assert json.loads(error)["error"]["code"] == "stopping"
    assert done == "[DONE]"
    assert whole_answer.status_code == 503
    assert whole_answer.json()["title"] == "Stopping"
    assert whole_answer.headers["Retry-After"]
    assert run_status == 503, run
