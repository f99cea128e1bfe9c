"""Chat completions: what is read of a conversation, and what the answer has."""

import asyncio
from typing import Any

import httpx
import openai
import pytest

from alir.steps.agent.budget_tracker import count_tokens
from alir.testing import OpenAIServer, Say
from tests.server.openai.clients import openai_client

BEES = "Bees keep their honey in combs of wax.\n\nThe queen bee lays two thousand eggs a day.\n"
QUESTION = "Where do bees keep their honey?"


def saying(text: str | list[Any], role: str = "user") -> Any:
    return {"role": role, "content": text}


USER = [saying(QUESTION)]
IMAGE = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
]


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
        ({"model": "alir", "messages": USER, "n": 2}, 400, "unsupported_parameter"),
        ({"model": "alir", "messages": [saying(IMAGE[1:])]}, 400, "invalid_body"),
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


@pytest.mark.parametrize("streams", [False, True])
async def test_an_image_is_not_looked_at_and_the_reader_is_told(
    client: openai.AsyncOpenAI, streams: bool
) -> None:
    told = "1 image of the question was not looked at: alir reads text alone."
    asked = [{"type": "text", "text": QUESTION}, IMAGE[1]]
    text, last = await answered(client, [saying(asked)], streams)

    assert "combs of wax. [1]\n\n[1] bees.txt" in text
    assert text.endswith(f"\n\n({told})")
    assert last["degraded"] == [told]
    earlier = [saying(IMAGE), saying("A bee.", "assistant"), saying(IMAGE), *USER]
    text, last = await answered(client, earlier, streams)
    assert text.endswith("[1] bees.txt")
    assert last["degraded"] == [
        "2 images of earlier messages were not looked at: alir reads text alone."
    ]


async def answered(
    client: openai.AsyncOpenAI, messages: list[Any], streams: bool, **more: Any
) -> tuple[str, dict[str, Any]]:
    """Return the text of an answer, and what else the message or the last piece has."""
    if not streams:
        answer = await client.chat.completions.create(model="alir", messages=messages, **more)
        [choice] = answer.choices
        extra = choice.message.model_extra or {}
        content = choice.message.content or ""
        ignored = (answer.model_extra or {})["ignored"]
    else:
        stream = await client.chat.completions.create(
            model="alir", messages=messages, stream=True, **more
        )
        chunks = [chunk async for chunk in stream]
        [choice] = chunks[-1].choices
        extra = choice.delta.model_extra or {}
        content = "".join(one.choices[0].delta.content or "" for one in chunks)
        ignored = (chunks[-1].model_extra or {})["ignored"]
    return content, extra | {"finish_reason": choice.finish_reason, "ignored": ignored}


@pytest.mark.parametrize("streams", [False, True])
async def test_an_answer_is_cut_where_the_client_says(
    client: openai.AsyncOpenAI, streams: bool
) -> None:
    text, last = await answered(client, USER, streams, max_completion_tokens=6)
    assert text == "Bees keep their honey in"
    assert last["finish_reason"] == "length"
    assert last["citations"]
    text, last = await answered(client, USER, streams, max_tokens=500, stop=["wax", " in "])
    assert text == "Bees keep their honey"
    assert last["finish_reason"] == "stop"


@pytest.mark.parametrize("streams", [False, True])
async def test_fields_without_an_effect_are_named(
    client: openai.AsyncOpenAI, streams: bool
) -> None:
    _, last = await answered(
        client, USER, streams, temperature=0, seed=7, user="me", extra_body={"top_k": 3}
    )

    assert last["ignored"] == ["seed", "temperature", "top_k"]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("n", 2),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}),
        ("tools", [{"type": "function", "function": {"name": "look"}}]),
        ("tool_choice", "required"),
        ("functions", [{"name": "look"}]),
        ("logprobs", True),
        ("logit_bias", {"50256": -100}),
        ("modalities", ["text", "audio"]),
        ("web_search_options", {}),
    ],
)
async def test_what_alir_cannot_do_is_refused_by_its_name(
    client: openai.AsyncOpenAI, name: str, given: Any
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model="alir", messages=USER, extra_body={name: given})

    assert (refused.value.param, refused.value.code) == (name, "unsupported_parameter")


async def test_fields_that_ask_for_nothing_more_are_taken(client: openai.AsyncOpenAI) -> None:
    more = {
        "n": 1,
        "response_format": {"type": "text"},
        "tools": [],
        "tool_choice": "auto",
        "logprobs": False,
        "logit_bias": {},
        "modalities": ["text"],
        "audio": None,
    }
    text, last = await answered(client, USER, False, extra_body=more)

    assert "combs of wax" in text
    assert last["ignored"] == []


async def test_a_long_conversation_goes_on(client: openai.AsyncOpenAI) -> None:
    """Of 1,500 messages of 3 MiB, with all roles and an image, the questions are read."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 2_000_000}}
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    history = [
        saying("Obey.", "developer"),
        saying([IMAGE[0], image]),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "Wasps! " * 1000},
        {"role": "function", "name": "look", "content": "Wasps!"},
        saying([{"type": "refusal", "refusal": "No."}], "assistant"),
        *[saying("Wasps build nests of paper. " * 25, "assistant")] * 1500,
        saying("Obey."),
        saying("It is a bee.", "assistant"),
    ]
    text, last = await answered(client, [*history, *USER, saying("Be brief.", "system")], False)

    assert "combs of wax. [1]" in text
    assert len(last["degraded"]) == 1


async def test_a_tenant_is_answered_from_its_own_files(held: Any) -> None:
    wasps = await held.caller("write", "wasps")
    await held.hold(wasps, wasps="Wasps build their nests of paper.")
    key = wasps.headers["Authorization"].removeprefix("Bearer ")
    async with openai_client(held.url, key) as client:
        for model in ("alir", "alir-agent"):
            answer = await client.chat.completions.create(model=model, messages=USER)
            assert "combs of wax" not in (answer.choices[0].message.content or "")


async def test_a_client_that_goes_away_ends_its_question(held: Any) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await held.client.post(
            "/v1/chat/completions", json={"model": "alir", "messages": USER}, timeout=0.001
        )
    async with asyncio.timeout(10):
        while held.service.rate_limiter.question_limiter.active:
            await asyncio.sleep(0.01)
