"""What OpenAI's clients may send."""

import pytest
from pydantic import ValidationError

from alir.server.openai.requests import ChatCompletionRequest, EmbeddingsRequest


def test_the_text_of_a_message_is_its_parts_and_unknown_fields_are_ignored() -> None:
    parts = [{"type": "text", "text": "Do cats"}, {"type": "text", "text": "sleep?"}]
    asked = ChatCompletionRequest.model_validate(
        {
            "model": "alir",
            "temperature": 0,
            "messages": [{"role": "user", "content": parts}, {"role": "assistant"}],
        }
    )

    assert [one.text for one in asked.messages] == ["Do cats\nsleep?", ""]


@pytest.mark.parametrize("change", [{"messages": []}, {"n": 2}, {"messages": [{"role": "me"}]}])
def test_what_is_no_conversation_is_refused(change: dict[str, object]) -> None:
    body = {"model": "alir", "messages": [{"role": "user", "content": "x"}]}

    with pytest.raises(ValidationError):
        ChatCompletionRequest.model_validate(body | change)


def test_one_text_to_embed_is_a_list_of_one() -> None:
    assert EmbeddingsRequest(model="m", input="a").texts == ["a"]
    assert EmbeddingsRequest(model="m", input=["a", "b"]).texts == ["a", "b"]
