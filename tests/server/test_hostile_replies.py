"""Whatever a language model replies, each route ends: with an answer, or with one problem."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from alir.server.workflow_runs.routes import PREFIX
from alir.testing import OpenAIServer, Reply
from alir.testing.hostile_replies import HOSTILE_REPLIES
from alir.testing.openai_script import Json, Raw, Stall

TIMEOUT_S = 4.0
LONGEST = 4_000
TEXT = "The strait of Makassar divides two kinds of animals. It is deep.\n"
SSE = {"Accept": "text/event-stream"}
AT_ONCE = 8


def reply_to(request: Json) -> Reply:
    """The reply that the question names."""
    asked = json.dumps(request["messages"])
    named = [name for name in HOSTILE_REPLIES if f"({name})" in asked]
    return HOSTILE_REPLIES[named[0]]


def question(name: str) -> str:
    return f"What divides two kinds of animals ({name})?"


def events(text: str) -> list[tuple[str, Any]]:
    """The events of a stream, whole ones only."""
    told = []
    *whole, rest = text.replace("\r\n", "\n").split("\n\n")
    assert not rest, rest[:200]
    for block in whole:
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if "data" in fields:
            told.append((fields.get("event", "message"), fields["data"]))
    return told


async def streamed(path: str, client: httpx.AsyncClient, name: str) -> str:
    answer = await client.post(path, json={"question": question(name)}, headers=SSE)
    told = events(answer.text)
    last, data = told[-1]
    assert [one for one, _ in told if one in {"answer", "problem"}] == [last]
    if last == "problem":
        assert json.loads(data)["title"] == "Language Model Failed", data
        return last
    value = json.loads(data)
    assert value["text"].strip()
    assert len(value["text"]) <= LONGEST + 200
    return " ".join(value["degraded"])


async def whole(client: httpx.AsyncClient, name: str) -> str:
    answer = await client.post("/v1/ask", json={"question": question(name)})
    assert answer.status_code in {200, 502}, answer.text
    if answer.status_code == 502:
        assert answer.json()["title"] == "Language Model Failed"
        return "problem"
    return " ".join(answer.json()["degraded"])


async def chatted(client: httpx.AsyncClient, name: str) -> str:
    body = {
        "model": "alir",
        "stream": True,
        "messages": [{"role": "user", "content": question(name)}],
    }
    answer = await client.post("/v1/chat/completions", json=body)
    told = [data for _, data in events(answer.text)]
    assert told.pop() == "[DONE]"
    last = json.loads(told[-1])
    if "error" in last:
        assert last["error"]["code"] == "language_model_failed"
        return "problem"
    finish: str = last["choices"][0]["finish_reason"]
    assert finish in {"stop", "length"}
    return finish


async def chatted_on(client: httpx.AsyncClient, name: str) -> str:
    """The model is asked first what the last question means."""
    turns = [question(name), "It is the strait.", question(name)]
    roles = ["user", "assistant", "user"]
    messages = [{"role": r, "content": c} for r, c in zip(roles, turns, strict=True)]
    body = {"model": "alir-agent", "messages": messages}
    answer = await client.post("/v1/chat/completions", json=body)
    assert answer.status_code in {200, 502}, answer.text
    return "" if answer.status_code == 200 else "problem"


async def called(client: httpx.AsyncClient, name: str) -> str:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "ask", "arguments": {"question": question(name)}},
    }
    accept = {"Accept": "application/json, text/event-stream"}
    answer = await client.post("/mcp", json=body, headers=accept)
    told = [json.loads(data) for _, data in events(answer.text)]
    assert len(told) == 1, told
    assert told[0]["result"]["content"][0]["text"]
    return "problem" if told[0]["result"]["isError"] else ""


async def run(client: httpx.AsyncClient, name: str) -> str:
    body = {"start_event": {"question": question(name)}}
    answer = await client.post(f"{PREFIX}/workflows/ask/run", json=body)
    assert answer.status_code in {200, 502}, answer.text
    return "" if answer.status_code == 200 else "problem"


ROUTES: dict[str, Callable[..., Any]] = {
    "ask": lambda client, name: streamed("/v1/ask", client, name),
    "ask, whole": whole,
    "agent": lambda client, name: streamed("/v1/agent", client, name),
    "chat": chatted,
    "chat that goes on": chatted_on,
    "mcp": called,
    "run": run,
}
EXTRACTIVE = "This answer is extractive."
BREAKS_OFF = "The answer breaks off."


@pytest.fixture
async def told(serving: Callable[..., Any]) -> AsyncIterator[Callable[..., Any]]:
    """Ask about every reply by a route; return what each came to."""
    limits = {"llm_timeout_s": TIMEOUT_S, "llm_max_reply_chars": LONGEST}
    with OpenAIServer(reply_to) as model:
        async with serving(llm_base_url=model.base_url, **limits) as served:
            await served.hold(served.client, strait=TEXT)
            places = asyncio.Semaphore(AT_ONCE)

            async def one(route: Callable[..., Any], name: str) -> str:
                async with places:
                    result: str = await route(served.client, name)
                    return result

            async def told(route: Callable[..., Any]) -> dict[str, str]:
                tasks = [one(route, name) for name in HOSTILE_REPLIES]
                results = await asyncio.gather(*tasks, return_exceptions=True)
                ended = dict(zip(HOSTILE_REPLIES, results, strict=True))
                wrong = {name: one for name, one in ended.items() if isinstance(one, Exception)}
                assert not wrong
                await served.settled()
                async with asyncio.timeout(10):
                    while model.endless:  # no stream of the model's is left behind
                        await asyncio.sleep(0.01)
                return {name: str(one) for name, one in ended.items()}

            yield told


@pytest.mark.parametrize("route", ROUTES)
async def test_every_reply_ends_in_an_answer_or_in_one_problem(
    told: Callable[..., Any], route: str
) -> None:
    ended = await told(ROUTES[route])

    assert ended["no JSON"] == "problem" or route in {"agent", "chat that goes on"}
    if route == "chat":
        assert (ended["a cut reply"], ended["an emoji in two halves"]) == ("length", "stop")
    if route in {"ask", "ask, whole"}:
        for name in ("no JSON at once", "a redirect", "429 with an hour", "a silent endpoint"):
            assert ended[name].endswith(EXTRACTIVE), name
        for name in ("a cut reply", "an endless reply", "a word now and then", "a huge word"):
            assert ended[name].endswith(BREAKS_OFF), name
        assert "(ALIR_LLM_" in ended["endless sentences"]  # length or, on a busy machine, time
        assert ended["an emoji in two halves"] == ""


def test_the_replies_are_of_every_kind() -> None:
    assert len(HOSTILE_REPLIES) >= 40
    assert any(isinstance(one, Raw) and one.is_endless for one in HOSTILE_REPLIES.values())
    assert any(isinstance(one, Stall) for one in HOSTILE_REPLIES.values())
