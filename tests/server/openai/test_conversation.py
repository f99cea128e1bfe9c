"""What of a conversation is read."""

from typing import Any

import pytest

from alir.server.openai.conversation import (
    MAX_EARLIER,
    MAX_EARLIER_CHARS,
    Conversation,
    read_conversation,
)
from alir.server.openai.requests import ChatRequestMessage
from alir.server.problems import ProblemException

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


def read(*messages: tuple[str, Any]) -> Conversation:
    return read_conversation(
        [ChatRequestMessage.model_validate({"role": r, "content": c}) for r, c in messages]
    )


def test_the_last_users_message_is_the_question_and_those_before_are_earlier() -> None:
    conversation = read(
        ("system", "Obey."),
        ("user", "Who is the queen?"),
        ("assistant", "She is a bee."),
        ("tool", "A bee."),
        ("user", " How old is she? "),
        ("developer", "Be brief."),
    )

    assert conversation == Conversation("How old is she?", ["Who is the queen?"], None, None)
    assert conversation.degraded == []


def test_a_long_history_is_read_from_its_end() -> None:
    many = [("user", f"{n} " + "x" * 5000) for n in range(500)]
    earlier = read(*many, ("user", "And now?")).earlier

    assert [one.split()[0] for one in earlier] == [f"{n}" for n in range(500 - MAX_EARLIER, 500)]
    assert {*map(len, earlier)} == {MAX_EARLIER_CHARS}


def test_what_is_no_text_is_told_in_a_sentence() -> None:
    text = {"type": "text", "text": "What is this?"}
    conversation = read(
        ("user", [IMAGE]), ("user", [text, IMAGE, AUDIO, IMAGE, {"type": "hologram"}])
    )

    assert conversation.degraded == [
        "2 images and 1 audio clip and 1 other part of the question were not looked at: "
        "alir reads text alone.",
        "1 image of earlier messages was not looked at: alir reads text alone.",
    ]
    assert conversation.earlier == []


@pytest.mark.parametrize(
    ("messages", "at", "problem"),
    [
        ([("assistant", "Hi")], "/messages/0/role", "must be a user's"),
        ([("user", "Hi"), ("tool", "a")], "/messages/1/role", "must be a user's"),
        ([("system", "Hi")], "/messages/0/role", "must be a user's"),
        ([("user", None)], "/messages/0/content", "must have text"),
        ([("user", [IMAGE])], "/messages/0/content", "1 image .* so ask in words"),
        ([("user", "x" * 8001)], "/messages/0/content", "8000 characters, not 8001"),
    ],
)
def test_a_conversation_without_a_question_is_refused(
    messages: list[tuple[str, Any]], at: str, problem: str
) -> None:
    with pytest.raises(ProblemException, match=problem) as refused:
        read(*messages)

    assert refused.value.problem.errors[0]["at"] == at
