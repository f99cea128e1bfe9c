"""The language model: OpenAI, or anything that speaks its protocol, with alir's errors."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

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
        return _TranslatingOpenAI(
            model=model, api_key=api_key, timeout=timeout_s, max_retries=MAX_RETRIES
        )
    return _TranslatingOpenAILike(
        model=model,
        api_base=endpoint,
        api_key=api_key or "none",
        timeout=timeout_s,
        max_retries=MAX_RETRIES,
        is_chat_model=True,
        is_function_calling_model=True,
        context_window=CONTEXT_WINDOW_TOKENS,
    )


class _TranslatingOpenAI(OpenAI):
    """OpenAI's models, raising alir's errors."""

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Stream the reply to `messages`."""
        return _translated(super().astream_chat(messages, **kwargs), self.model, self.api_base)


class _TranslatingOpenAILike(OpenAILike):
    """A compatible endpoint's model, raising alir's errors."""

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Stream the reply to `messages`."""
        return _translated(super().astream_chat(messages, **kwargs), self.model, self.api_base)


async def _translated(
    call: Any, model: str, endpoint: str | None
) -> AsyncGenerator[ChatResponse, None]:
    try:
        async for response in await call:
            yield response
    except openai.OpenAIError as error:
        raise _error(error, model, endpoint or OPENAI_URL) from error


def _error(error: openai.OpenAIError, model: str, endpoint: str) -> AlirError:
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return AccessRefused(f"The language model's endpoint {endpoint}", "ALIR_LLM_API_KEY")
    if isinstance(error, openai.APITimeoutError):
        return LanguageModelFailed(model, endpoint, "it did not answer in time", retryable=True)
    if isinstance(error, openai.APIConnectionError):
        return LanguageModelFailed(model, endpoint, "nothing answers there", retryable=True)
    if isinstance(error, openai.RateLimitError):
        return LanguageModelFailed(model, endpoint, "it is over its rate limit", retryable=True)
    if isinstance(error, openai.APIStatusError):
        reason = f"it answered {error.status_code}"
        return LanguageModelFailed(model, endpoint, reason, retryable=error.status_code >= 500)
    return LanguageModelFailed(model, endpoint, type(error).__name__, retryable=False)
