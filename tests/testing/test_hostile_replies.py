"""The hostile replies: as bytes of the protocol, or against it."""

import httpx

from alir.testing import HOSTILE_REPLIES, OpenAIServer, Raw
from alir.testing.hostile_replies import DONE, delta, event


def test_events_are_of_the_protocol() -> None:
    assert event({"a": 1}) == b'data: {"a": 1}\n\n'
    assert b'"choices": [{"index": 0, "delta": {"content": "Hi"}}]' in delta("Hi")
    assert DONE == b"data: [DONE]\n\n"


def test_raw_bytes_come_as_they_are() -> None:
    reply = HOSTILE_REPLIES["bytes that are no UTF-8"]
    assert isinstance(reply, Raw)
    with OpenAIServer(reply) as server:
        answer = httpx.post(f"{server.base_url}/chat/completions", json={"messages": []})
    assert answer.content == b"".join(reply.pieces)


def test_an_endless_reply_ends_with_its_client() -> None:
    with OpenAIServer(HOSTILE_REPLIES["an endless reply"]) as server:
        url = f"{server.base_url}/chat/completions"
        with httpx.stream("POST", url, json={"messages": []}) as answer:
            next(answer.iter_bytes())
            assert server.endless == 1
    assert server.endless == 0
