"""The language model: OpenAI, or anything that speaks its protocol, with alir's errors."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import httpx
import openai
from llama_index.core.llms import LLM, ChatMessage, ChatResponse, ChatResponseAsyncGen
from llama_index.llms.openai import OpenAI
from llama_index.llms.openai.utils import ALL_AVAILABLE_MODELS
from llama_index.llms.openai_like import OpenAILike

from alir.errors import AccessRefused, AlirError, LanguageModelFailed

OPENAI_URL = "https://api.openai.com/v1"
MAX_RETRIES = 2
CONTEXT_WINDOW_TOKENS = 32_768
"""Assumed of a model that LlamaIndex does not know."""


def language_model(
    model: str, *, base_url: str | None, api_key: str | None, timeout_s: float
) -> LLM:
    """Return the model at OpenAI, or at the compatible endpoint `base_url`.

    LlamaIndex's `OpenAI` for the models it knows at OpenAI itself, else its `OpenAILike`.
    """
    endpoint = base_url or OPENAI_URL
    if base_url is None and model in ALL_AVAILABLE_MODELS:
        return _Translating(
            model=model, api_key=api_key, timeout=timeout_s, max_retries=MAX_RETRIES
        )
    return _TranslatingLike(
        model=model,
        api_base=endpoint,
        api_key=api_key or "none",
        timeout=timeout_s,
        max_retries=MAX_RETRIES,
        is_chat_model=True,
        is_function_calling_model=True,
        context_window=CONTEXT_WINDOW_TOKENS,
    )


async def close(llm: LLM) -> None:
    """Close the connections of a model that `language_model` made; leave any other alone."""
    if isinstance(llm, _Translating) and llm._aclient is not None:
        await llm._aclient.close()


class _Translating(OpenAI):
    """A model behind OpenAI's protocol, raising alir's errors."""

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Stream the reply to `messages`."""
        return _translated(super().astream_chat(messages, **kwargs), self.model, self.api_base)


class _TranslatingLike(_Translating, OpenAILike):
    """The same for an endpoint or a model that LlamaIndex does not know."""


async def _translated(
    call: Any, model: str, endpoint: str | None
) -> AsyncGenerator[ChatResponse, None]:
    try:
        async for response in await call:
            yield response
    except (openai.OpenAIError, httpx.HTTPError) as error:
        raise _error(error, model, endpoint or OPENAI_URL) from error


# The first that fits gives the reason. While a reply streams, the SDK raises httpx's own errors.
_REASONS: list[tuple[type[Exception], str]] = [
    (openai.APITimeoutError, "it did not answer in time"),
    (openai.APIConnectionError, "nothing answers there"),
    (openai.RateLimitError, "it is over its rate limit"),
    (httpx.TimeoutException, "it did not answer in time"),
    (httpx.HTTPError, "the reply broke off"),
]


def _error(error: Exception, model: str, endpoint: str) -> AlirError:
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return AccessRefused(f"The language model's endpoint {endpoint}", "ALIR_LLM_API_KEY")
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return LanguageModelFailed(model, endpoint, reason, retryable=True)
    if isinstance(error, openai.APIStatusError):
        reason = f"it answered {error.status_code}"
        return LanguageModelFailed(model, endpoint, reason, retryable=error.status_code >= 500)
    return LanguageModelFailed(model, endpoint, type(error).__name__, retryable=False)
