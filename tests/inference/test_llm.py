"""The language model: which class for which endpoint, and whose errors come out."""

import asyncio
import gc
from contextlib import aclosing

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

from alir.errors import AccessRefused, AlirError, LanguageModelFailed
from alir.inference.llm import close, language_model
from alir.testing import Fail, OpenAIServer, Reply, Say, Stall
from alir.testing.hostile_replies import HOSTILE_REPLIES, delta
from alir.testing.openai_script import Raw

CHARS = 1_000
HELLO = [ChatMessage(role="user", content="Hello")]


def test_openai_s_own_models_are_llama_index_s_openai() -> None:
    known = language_model(
        "gpt-4.1-mini", base_url=None, api_key="k", timeout_s=5, max_reply_chars=CHARS
    )
    assert not isinstance(known, OpenAILike)
    assert known.metadata.context_window > 100_000
    for model, base_url in (("brand-new-model", None), ("llama3", "http://127.0.0.1:1/v1")):
        other = language_model(
            model, base_url=base_url, api_key="k", timeout_s=5, max_reply_chars=CHARS
        )
        assert isinstance(other, OpenAILike)
        assert other.metadata.is_chat_model


async def test_a_reply_streams_from_any_endpoint_without_a_key() -> None:
    with OpenAIServer(Say("Hello, world.", pieces=3)) as server:
        llm = language_model(
            "any", base_url=server.base_url, api_key=None, timeout_s=5, max_reply_chars=CHARS
        )
        pieces = [reply.delta async for reply in await llm.astream_chat(HELLO)]
        await close(llm)
    assert "".join(piece or "" for piece in pieces) == "Hello, world."


@pytest.mark.parametrize(
    ("reply", "error", "sentence", "requests"),
    [
        (Fail(401), AccessRefused, "Check ALIR_LLM_API_KEY", 1),
        (Fail(404), LanguageModelFailed, "it answered 404", 1),
        (Fail(429, retry_after=0), LanguageModelFailed, "over its rate limit", 3),
        (Fail(429, retry_after=0.2), LanguageModelFailed, "over its rate limit", 1),
        (Fail(503), LanguageModelFailed, "it answered 503", 3),
        (Stall(2), LanguageModelFailed, "did not answer in time", 1),
    ],
)
async def test_its_errors_are_ours_and_only_what_can_pass_is_tried_again(
    reply: Fail | Stall, error: type[AlirError], sentence: str, requests: int
) -> None:
    timeout_s = 5 if requests == 3 else 0.3
    with OpenAIServer(reply) as server:
        llm = language_model(
            "any",
            base_url=server.base_url,
            api_key="secret",
            timeout_s=timeout_s,
            max_reply_chars=CHARS,
        )
        with pytest.raises(error, match=sentence) as raised:
            [reply async for reply in await llm.astream_chat(HELLO)]
        await close(llm)
    assert server.base_url in str(raised.value)
    assert "secret" not in str(raised.value)
    assert len(server.requests) == requests


async def told(reply: Reply, *, timeout_s: float = 5, chars: int = CHARS) -> tuple[str, str]:
    """What a model said, and what it failed with."""
    said = ""
    with OpenAIServer(reply) as server:
        llm = language_model(
            "any",
            base_url=server.base_url,
            api_key=None,
            timeout_s=timeout_s,
            max_reply_chars=chars,
        )
        try:
            async for one in await llm.astream_chat(HELLO):
                said += one.delta or ""
        except LanguageModelFailed as error:
            return said, f"{type(error).__name__}: {error}"
        finally:
            await close(llm)
            async with asyncio.timeout(10):
                while server.endless:
                    await asyncio.sleep(0.01)
    return said, ""


@pytest.mark.parametrize("name", HOSTILE_REPLIES)
async def test_every_reply_is_whole_characters_and_ends_in_time(name: str) -> None:
    async with asyncio.timeout(20):
        said, error = await told(HOSTILE_REPLIES[name], timeout_s=0.5)

    said.encode()  # no half of a character
    assert len(said) <= CHARS
    assert error == "" or error.startswith(("LanguageModelFailed: ", "ReplyCut: "))


async def test_a_reply_is_cut_by_length_time_or_its_model_and_what_came_is_there() -> None:
    endless = Raw([delta("word ")], is_endless=True)
    dripping = Raw([delta("word ")], is_endless=True, pause_s=0.05)
    long, slow = await told(endless, chars=103), await told(dripping, timeout_s=0.5)

    assert long == ("word " * 20 + "wor", long[1])
    assert long[1].startswith("ReplyCut: The language model's reply was longer than 103 char")
    assert slow[0].startswith("word ")
    assert slow[1].endswith("did not end its reply within 0.5 s (ALIR_LLM_TIMEOUT_S).")
    assert await told(Say("Half of", finish_reason="length")) == (
        "Half of",
        "ReplyCut: The language model cut its reply at a limit of its own.",
    )


async def test_a_reader_who_stops_ends_the_model_s_stream_at_once() -> None:
    with OpenAIServer(Raw([delta("word ")], is_endless=True)) as server:
        llm = language_model(
            "any", base_url=server.base_url, api_key=None, timeout_s=60, max_reply_chars=10**9
        )
        gc.disable()
        try:
            async with aclosing(await llm.astream_chat(HELLO)) as replies:
                await anext(replies)
                assert server.endless == 1
            async with asyncio.timeout(10):
                while server.endless:
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()
            await close(llm)


async def test_a_redirect_is_not_followed() -> None:
    with OpenAIServer(Say("Elsewhere")) as elsewhere:
        _, error = await told(Raw([b""], status=307, headers={"location": elsewhere.base_url}))
        assert elsewhere.requests == []
    assert "it answered 307, a redirect, and those are not followed" in error


async def test_nothing_at_the_endpoint_says_so() -> None:
    llm = language_model(
        "any", base_url="http://127.0.0.1:1/v1", api_key=None, timeout_s=9, max_reply_chars=CHARS
    )
    with pytest.raises(LanguageModelFailed, match=r"at http://127\.0\.0\.1:1/v1 failed: nothing"):
        [reply async for reply in await llm.astream_chat(HELLO)]
    await close(llm)
