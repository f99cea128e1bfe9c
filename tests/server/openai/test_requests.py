"""What OpenAI's clients may send, and what they are told of what they may not."""

import json
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from alir.server.openai.requests import ChatCompletionRequest, EmbeddingsRequest

CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
BODY = {"model": "alir", "messages": [{"role": "user", "content": "x"}]}


def chat(**change: Any) -> ChatCompletionRequest:
    return ChatCompletionRequest.model_validate_json(json.dumps(BODY | change))


def test_the_text_of_a_message_is_its_parts_and_the_others_are_named() -> None:
    parts = [
        {"type": "text", "text": "Do cats"},
        {"type": "image_url", "image_url": {"url": "https://pictures.example/cat.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "text", "text": "sleep?"},
    ]
    asked = chat(messages=[{"role": "user", "content": parts}, {"role": "assistant"}])

    assert [one.text for one in asked.messages] == ["Do cats\nsleep?", ""]
    assert [one.unread for one in asked.messages] == [["image_url", "input_audio"], []]


@pytest.mark.parametrize("change", [{"messages": []}, {"n": "two"}, {"messages": [{"role": "me"}]}])
def test_what_is_no_conversation_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        chat(**change)


def test_fields_without_an_effect_are_named_unless_they_never_have_one() -> None:
    asked = chat(temperature=1, user="me", metadata={"a": "b"}, top_p=None, enable_thinking=True)

    assert asked.ignored == ["enable_thinking", "temperature"]


def test_the_smaller_limit_on_tokens_counts() -> None:
    assert chat().max_answer_tokens is None
    assert chat(max_tokens=5).max_answer_tokens == 5
    assert chat(max_tokens=5, max_completion_tokens=4).max_answer_tokens == 4
    assert chat(stop="a").stops == ["a"]


@pytest.mark.parametrize(
    "change",
    [
        {"tools": [{}], "tool_choice": "none"},
        {"functions": [{}], "function_call": "none"},
        {"response_format": {"type": "text"}},
        {"top_logprobs": 0},
    ],
)
def test_a_field_that_asks_for_nothing_is_no_reason_to_refuse(change: dict[str, Any]) -> None:
    assert chat(**change).unsupported is None


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
    ],
)
def test_texts_and_tokens_are_lists(given: Any, inputs: Any) -> None:
    assert EmbeddingsRequest(model="m", input=given).inputs == inputs


@pytest.mark.parametrize(
    ("path", "change", "param", "problem"),
    [
        (CHAT, {"messages": [{"role": "user", "content": 5}]}, "messages.0.content", "a string or"),
        (
            CHAT,
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 4}]}]},
            "messages.0.content.0.text",
            "valid string",
        ),
        (
            CHAT,
            {"messages": [{"role": "user", "content": ["a"]}]},
            "messages.0.content.0",
            "object",
        ),
        (CHAT, {"messages": [{"content": "a"}]}, "messages.0.role", "required"),
        (CHAT, {"stop": ["a", 3]}, "stop.1", "valid string"),
        (CHAT, {"stop": ["a"] * 5}, "stop", "at most 4"),
        (EMBEDDINGS, {"input": 5}, "input", "a list of tokens"),
        (EMBEDDINGS, {"input": ["a", 5]}, "input.1", "valid string"),
        (EMBEDDINGS, {"input": [1, "a"]}, "input.1", "valid integer"),
        (EMBEDDINGS, {"input": [[1], ["a"]]}, "input.1.0", "valid integer"),
        (EMBEDDINGS, {"input": []}, "input", "at least 1"),
        (EMBEDDINGS, {"input": ["a"] * 2049}, "input", "at most 2048"),
        (EMBEDDINGS, {"input": "a", "encoding_format": "int8"}, "encoding_format", "base64"),
    ],
)
async def test_a_client_is_told_of_what_it_sent_and_of_no_other_kind(
    served: Any, path: str, change: Any, param: str, problem: str
) -> None:
    answer: httpx.Response = await served.client.post(path, json={**BODY, **change})

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["param"] == param
    assert problem in error["message"]
