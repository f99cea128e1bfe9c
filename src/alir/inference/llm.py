"""The language model: OpenAI, or anything that speaks its protocol, with alir's errors."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

import httpx
import openai
from llama_index.core.llms import LLM, ChatMessage, ChatResponse, ChatResponseAsyncGen
from llama_index.llms.openai import OpenAI
from llama_index.llms.openai.utils import ALL_AVAILABLE_MODELS
from llama_index.llms.openai_like import OpenAILike
from pydantic import PrivateAttr

from alir.errors import AccessRefused, AlirError, LanguageModelFailed, ReplyCut
from alir.inference.reply_events import ReplyFault
from alir.inference.reply_stream import http_client, responses
from alir.models.secret_url import SecretUrl

OPENAI_URL = "https://api.openai.com/v1"
MAX_RETRIES = 2
CONTEXT_WINDOW_TOKENS = 32_768
"""Assumed of a model that LlamaIndex does not know."""


def language_model(
    model: str,
    *,
    base_url: str | SecretUrl | None,
    api_key: str | None,
    timeout_s: float,
    max_reply_chars: int,
) -> LLM:
    """Return the model at OpenAI, or at the compatible endpoint `base_url`.

    LlamaIndex's `OpenAI` for the models it knows at OpenAI itself, else its `OpenAILike`.

    Args:
        timeout_s: Longest wait for a whole reply, whatever was tried again.
        max_reply_chars: A longer reply is cut there.
    """
    address = SecretUrl.of(base_url or OPENAI_URL)
    client = http_client(timeout_s=timeout_s, max_chars=max_reply_chars)
    shared: dict[str, Any] = {
        "model": model,
        "timeout": timeout_s,
        "max_retries": MAX_RETRIES,
        "async_http_client": client,
    }
    if base_url is None and model in ALL_AVAILABLE_MODELS:
        known = _Translating(api_key=api_key, **shared)
        known.keep(client, address)
        return known
    other = _TranslatingLike(
        api_base=address.get_secret_value(),
        api_key=api_key or "none",
        is_chat_model=True,
        is_function_calling_model=True,
        context_window=CONTEXT_WINDOW_TOKENS,
        **shared,
    )
    other.keep(client, address)
    return other


async def close(llm: LLM) -> None:
    """Close the connections of a model that `language_model` made; leave any other alone."""
    if isinstance(llm, _Translating):
        await llm.aclose()


class _Translating(OpenAI):
    """A model behind OpenAI's protocol, raising alir's errors, within its time."""

    _connections: httpx.AsyncClient = PrivateAttr()
    _address: SecretUrl = PrivateAttr()

    def keep(self, connections: httpx.AsyncClient, address: SecretUrl) -> None:
        """Keep the HTTP client, to close it, and the address, to print it."""
        self._connections, self._address = connections, address

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Stream the reply to `messages`."""
        call = super().astream_chat(messages, **kwargs)
        return _translated(call, self.model, str(self._address), timeout_s=self.timeout)


class _TranslatingLike(_Translating, OpenAILike):
    """The same for an endpoint or a model that LlamaIndex does not know."""


async def _translated(
    call: Coroutine[Any, Any, ChatResponseAsyncGen],
    model: str,
    endpoint: str,
    *,
    timeout_s: float,
) -> AsyncGenerator[ChatResponse, None]:
    has_begun = False
    try:
        async with aclosing(_in_time(call, timeout_s)) as replies:
            async for response in replies:
                has_begun = has_begun or bool(response.delta)
                yield response
    except AlirError:
        raise
    except TimeoutError as error:
        if has_begun:
            raise ReplyCut(
                f"The language model did not end its reply within {timeout_s:g} s "
                "(ALIR_LLM_TIMEOUT_S)."
            ) from error
        reason = f"it did not answer in time ({timeout_s:g} s, ALIR_LLM_TIMEOUT_S)"
        raise LanguageModelFailed(model, endpoint, reason, retryable=True) from error
    # Everything: what an SDK makes of a reply that it does not expect has no end.
    except Exception as error:
        raise _error(error, model, endpoint) from error


async def _in_time(
    call: Coroutine[Any, Any, ChatResponseAsyncGen], timeout_s: float
) -> AsyncGenerator[ChatResponse, None]:
    """Yield a reply's pieces; raise TimeoutError if it has not ended after `timeout_s`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    async with asyncio.timeout_at(deadline):
        replies: AsyncIterator[ChatResponse] = await call
    received: list[httpx.Response] = []
    try:
        while True:
            token = responses.set(received)
            try:
                # Around each wait alone: what the reader does between them must not be cancelled.
                async with asyncio.timeout_at(deadline):
                    response = await anext(replies, None)
            finally:
                responses.reset(token)
            if response is None:
                return
            if loop.time() > deadline:  # what was always ready never waited
                raise TimeoutError
            yield response
    finally:
        # The SDK's stream holds itself: the next collection of garbage would close it.
        for one in received:
            await one.aclose()


# The first that fits gives the reason. While a reply streams, the SDK raises httpx's own errors.
_REASONS: list[tuple[type[Exception], str]] = [
    (openai.APITimeoutError, "it did not answer in time"),
    (openai.RateLimitError, "it is over its rate limit"),
    (httpx.TimeoutException, "it did not answer in time"),
    (httpx.HTTPError, "it broke off its reply"),
]


def _error(error: Exception, model: str, endpoint: str) -> AlirError:
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return AccessRefused(f"The language model's endpoint {endpoint}", "ALIR_LLM_API_KEY")
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return LanguageModelFailed(model, endpoint, reason, retryable=True)
    if isinstance(error, ReplyFault):
        return LanguageModelFailed(model, endpoint, f"it {error}", retryable=True)
    if isinstance(error, openai.APIConnectionError):
        is_there = not isinstance(error.__cause__, httpx.ConnectError)
        reason = "it broke off the connection" if is_there else "nothing answers there"
        return LanguageModelFailed(model, endpoint, reason, retryable=True)
    if isinstance(error, openai.APIStatusError):
        reason = f"it answered {error.status_code}"
        if 300 <= error.status_code < 400:
            reason += ", a redirect, and those are not followed"
        return LanguageModelFailed(model, endpoint, reason, retryable=error.status_code >= 500)
    return LanguageModelFailed(model, endpoint, type(error).__name__, retryable=False)
