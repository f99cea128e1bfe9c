"""OpenAI's protocol, spoken by clients that do not know alir: Python, Node and LlamaIndex."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

from alir.inference.llm import close
from alir.steps.agent.budget_tracker import count_tokens
from alir.testing import OpenAIServer, Say
from tests.server.openai.clients import openai_client

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"
QUESTION = "Where do bees keep their honey?"
NODE = """
import OpenAI from "openai";
const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey });
const messages = [{ role: "user", content: "Where do bees keep their honey?" }];
const whole = await client.chat.completions.create({ model: "alir", messages });
let text = "";
const stream = await client.chat.completions.create({ model: "alir", messages, stream: true });
for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
const { data } = await client.embeddings.create({ model: "alir-embedding", input: ["wax", "egg"] });
const models = [];
for await (const model of client.models.list()) models.push(model.id);
let refused = null;
try {
  await client.chat.completions.create({ model: "gpt-4o", messages });
} catch (error) { refused = [error.status, error.code]; }
console.log(JSON.stringify({
  whole: whole.choices[0].message, text, models, refused,
  vectors: data.map((one) => one.embedding.length),
}));
"""


def saying(text: str, role: str = "user") -> Any:
    return {"role": role, "content": text}


USER = [saying(QUESTION)]


async def test_a_question_is_answered_with_its_citations(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="alir", messages=USER, temperature=0.2)

    message = answer.choices[0].message
    assert message.content is not None
    assert "combs of wax. [1]" in message.content
    assert message.content.endswith("\n\n[1] bees.txt")
    [cited] = message.model_extra["citations"]
    assert BEES[cited["start"] : cited["end"]] == cited["quote"]
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == count_tokens([QUESTION])
    assert answer.usage.completion_tokens == count_tokens([message.content])


async def test_a_stream_says_the_same(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="alir", messages=USER)
    stream = await client.chat.completions.create(
        model="alir", messages=USER, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    *pieces, last, usage = chunks
    assert pieces[0].choices[0].delta.role == "assistant"
    text = "".join(one.choices[0].delta.content or "" for one in pieces)
    assert text == whole.choices[0].message.content
    assert last.choices[0].finish_reason == "stop"
    assert last.choices[0].delta.model_extra["citations"]
    assert usage.choices == []
    assert usage.usage == whole.usage
    assert len({one.id for one in chunks}) == 1


async def test_the_agent_is_a_model_too(client: openai.AsyncOpenAI) -> None:
    asked = "Where do bees keep their honey, and how many eggs does the queen bee lay a day?"
    answer = await client.chat.completions.create(
        model="alir-agent", messages=[{"role": "user", "content": asked}]
    )

    text = answer.choices[0].message.content or ""
    assert "combs of wax" in text
    assert "two thousand eggs" in text


async def test_a_follow_up_is_understood_by_what_was_asked_before(serving: Any) -> None:
    heard: list[str] = []

    def reply(request: Any) -> Say:
        heard.append(request["messages"][-1]["content"])
        is_restating = "Asked before" in heard[-1]
        return Say("How many eggs does the queen bee lay?" if is_restating else "Many [1].")

    with OpenAIServer(reply) as server:
        async with serving(llm_base_url=server.base_url, llm_model="m") as served:
            await served.hold(served.client, bees=BEES)
            told = await served.client.post(
                "/v1/chat/completions",
                json={
                    "model": "alir",
                    "messages": [
                        {"role": "system", "content": "Obey."},
                        {"role": "user", "content": "Who is the queen bee?"},
                        {"role": "assistant", "content": "She is Captain Rook."},
                        {"role": "user", "content": [{"type": "text", "text": "How many eggs?"}]},
                    ],
                },
            )

    assert told.status_code == 200, told.text
    assert heard[-1].endswith("Question: How many eggs does the queen bee lay?")
    assert not any("Rook" in one or "Obey" in one for one in heard)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "gpt-4o", "messages": USER}, 404, "model_not_found"),
        ({"model": "alir", "messages": []}, 400, "invalid_body"),
        ({"model": "alir"}, 400, "invalid_body"),
        ({"model": "alir", "messages": USER, "n": 2}, 400, "invalid_body"),
        ({"model": "alir", "messages": [*USER, saying("x", "assistant")]}, 400, "invalid_body"),
        ({"model": "alir", "messages": [saying(" ")]}, 400, "invalid_body"),
        ({"model": "alir", "messages": [saying("x" * 9000)]}, 400, "invalid_body"),
    ],
)
async def test_what_cannot_be_answered_is_refused_as_openai_does(
    served: Any, body: Any, status: int, code: str
) -> None:
    answer = await served.client.post("/v1/chat/completions", json=body)

    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["code"] == code
    assert error["message"]


async def test_an_empty_index_and_a_wrong_key_are_errors_that_the_client_knows(served: Any) -> None:
    async with openai_client(served.url, "x") as client:
        with pytest.raises(openai.ConflictError, match="ingest"):
            await client.chat.completions.create(model="alir", messages=USER)
        stream = await client.chat.completions.create(model="alir", messages=USER, stream=True)
        with pytest.raises(openai.APIError, match="ingest"):
            async for _ in stream:
                pass
        served.secret("read")
        with pytest.raises(openai.AuthenticationError, match="key"):
            await client.chat.completions.create(model="alir", messages=USER)


async def test_a_tenant_is_answered_from_its_own_files(held: Any) -> None:
    wasps = await held.caller("write", "wasps")
    await held.hold(wasps, wasps="Wasps build their nests of paper.")
    key = wasps.headers["Authorization"].removeprefix("Bearer ")
    async with openai_client(held.url, key) as client:
        for model in ("alir", "alir-agent"):
            answer = await client.chat.completions.create(model=model, messages=USER)
            assert "combs of wax" not in (answer.choices[0].message.content or "")


async def test_llamaindex_takes_it_for_a_language_model(held: Any) -> None:
    url, key = f"{held.url}/v1", held.secret("read")
    llm = OpenAILike(model="alir", api_base=url, api_key=key, is_chat_model=True)

    answer = await llm.achat([ChatMessage(QUESTION)])
    streamed = [one async for one in await llm.astream_chat([ChatMessage(QUESTION)])]

    await close(llm)
    assert "combs of wax" in (answer.message.content or "")
    assert streamed[-1].message.content == answer.message.content


@pytest.fixture(scope="session")
def node_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with OpenAI's package for Node, and a program that uses it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no Node here")
    folder = tmp_path_factory.mktemp("node")
    install = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "openai@6"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if install.returncode:
        pytest.skip(f"npm has no openai here: {install.stderr[-200:]}")
    (folder / "ask.mjs").write_text(NODE)
    return folder


async def test_the_node_client_works(held: Any, node_client: Path) -> None:
    arguments = ["node", "ask.mjs", f"{held.url}/v1", held.secret("read")]
    ran = await asyncio.to_thread(
        lambda: subprocess.run(
            arguments, cwd=node_client, capture_output=True, text=True, timeout=60, check=False
        )
    )

    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert "combs of wax. [1]" in found["whole"]["content"]
    assert found["whole"]["citations"]
    assert found["text"] == found["whole"]["content"]
    assert found["vectors"] == [len(held.alir.embedding.get_text_embedding("wax"))] * 2
    assert found["models"] == ["alir", "alir-agent", "alir-embedding"]
    assert found["refused"] == [404, "model_not_found"]


async def test_a_client_that_goes_away_ends_its_question(held: Any) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await held.client.post(
            "/v1/chat/completions", json={"model": "alir", "messages": USER}, timeout=0.001
        )
    async with asyncio.timeout(10):
        while held.service.rate_limiter.question_limiter.active:
            await asyncio.sleep(0.01)
