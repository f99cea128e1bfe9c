"""The language model: which class for which endpoint, and whose errors come out."""

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

from alir.errors import AccessRefused, AlirError, LanguageModelFailed
from alir.inference.llm import close, language_model
from alir.testing import Fail, OpenAIServer, Say, Stall

HELLO = [ChatMessage(role="user", content="Hello")]


def test_openai_s_own_models_are_llama_index_s_openai() -> None:
    known = language_model("gpt-4.1-mini", base_url=None, api_key="k", timeout_s=5)
    assert not isinstance(known, OpenAILike)
    assert known.metadata.context_window > 100_000
    for model, base_url in (("brand-new-model", None), ("llama3", "http://127.0.0.1:1/v1")):
        other = language_model(model, base_url=base_url, api_key="k", timeout_s=5)
        assert isinstance(other, OpenAILike)
        assert other.metadata.is_chat_model


async def test_a_reply_streams_from_any_endpoint_without_a_key() -> None:
    with OpenAIServer(Say("Hello, world.", pieces=3)) as server:
        llm = language_model("any", base_url=server.base_url, api_key=None, timeout_s=5)
        pieces = [reply.delta async for reply in await llm.astream_chat(HELLO)]
        await close(llm)
    assert "".join(piece or "" for piece in pieces) == "Hello, world."
    assert len([piece for piece in pieces if piece]) == 3


@pytest.mark.parametrize(
    ("reply", "error", "sentence", "requests"),
    [
        (Fail(401), AccessRefused, "Check ALIR_LLM_API_KEY", 1),
        (Fail(404), LanguageModelFailed, "it answered 404", 1),
        (Fail(429, retry_after=0), LanguageModelFailed, "over its rate limit", 3),
        (Fail(503), LanguageModelFailed, "it answered 503", 3),
        (Stall(2), LanguageModelFailed, "did not answer in time", 3),
    ],
)
async def test_its_errors_are_ours_and_only_what_can_pass_is_tried_again(
    reply: Fail | Stall, error: type[AlirError], sentence: str, requests: int
) -> None:
    with OpenAIServer(reply) as server:
        llm = language_model("any", base_url=server.base_url, api_key="secret", timeout_s=0.3)
        with pytest.raises(error, match=sentence) as raised:
            [reply async for reply in await llm.astream_chat(HELLO)]
        await close(llm)
    assert server.base_url in str(raised.value)
    assert "secret" not in str(raised.value)
    assert len(server.requests) == requests


async def test_nothing_at_the_endpoint_says_so() -> None:
    llm = language_model("any", base_url="http://127.0.0.1:1/v1", api_key=None, timeout_s=1)
    with pytest.raises(LanguageModelFailed, match=r"at http://127\.0\.0\.1:1/v1 failed: nothing"):
        [reply async for reply in await llm.astream_chat(HELLO)]
    await close(llm)
