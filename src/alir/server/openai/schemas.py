"""OpenAI's protocol: the objects that its clients send and get, as far as alir speaks it.

Fields are those of OpenAI's API reference. Unknown fields of a request are ignored: clients send
many that mean nothing here, such as the temperature.
"""

import base64
import json
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field

from alir.models.answers import Citation
from alir.server.schemas.base import ApiModel
from alir.server.schemas.requests import RequestModel

FinishReason = Literal["stop", "length"]
ASK_MODEL, AGENT_MODEL, EMBEDDING_MODEL = "alir", "alir-agent", "alir-embedding"
MODELS = (ASK_MODEL, AGENT_MODEL, EMBEDDING_MODEL)
MAX_MESSAGES = 1000
MAX_INPUTS = 2048
"""Texts of a request for embeddings, as OpenAI's."""


class _Lenient(RequestModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TextPart(_Lenient):
    """A part of a message; alir reads text alone."""

    type: Literal["text"]
    text: str


class ChatRequestMessage(_Lenient):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        """Its text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(_Lenient):
    """What a stream has besides the answer."""

    include_usage: bool | None = None


class ChatCompletionRequest(_Lenient):
    """A conversation; its last message is the question."""

    model: str
    messages: Annotated[list[ChatRequestMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None


class EmbeddingsRequest(_Lenient):
    """Texts to embed."""

    model: str
    input: str | Annotated[list[str], Field(min_length=1, max_length=MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int | None, Field(ge=1)] = None

    @property
    def texts(self) -> list[str]:
        """The texts, in order."""
        return [self.input] if isinstance(self.input, str) else self.input


class Usage(ApiModel):
    """Tokens by LlamaIndex's tokenizer: those of the messages sent, and of the text that came."""

    prompt_tokens: int
    completion_tokens: int | None = None
    total_tokens: int


class AssistantMessage(ApiModel):
    """An answer; `citations`, which OpenAI does not have, are what its numbers stand for."""

    role: Literal["assistant"] = "assistant"
    content: str
    citations: list[Citation]


class Choice(ApiModel):
    """The one answer."""

    index: int = 0
    message: AssistantMessage
    finish_reason: FinishReason = "stop"
    logprobs: None = None


class ChatCompletionResponse(ApiModel):
    """The answer to a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class ChoiceDelta(ApiModel):
    """A piece of an answer; the last has the citations."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    citations: list[Citation] | None = None


class ChunkChoice(ApiModel):
    """A piece of the one answer."""

    index: int = 0
    delta: ChoiceDelta
    finish_reason: FinishReason | None = None


class ChatCompletionChunk(ApiModel):
    """An event of a stream; after the last comes `[DONE]`."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None

    def line(self) -> str:
        """Return its JSON; a delta has the fields that are there alone."""
        chunk = self.model_dump(exclude={"choices"}, exclude_none=True)
        chunk["choices"] = [
            {**one.model_dump(), "delta": one.delta.model_dump(exclude_none=True)}
            for one in self.choices
        ]
        return json.dumps(chunk, ensure_ascii=False)


class EmbeddingVector(ApiModel):
    """The vector of a text; in base64, of its float32 values, little-endian."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsResponse(ApiModel):
    """The vectors, in the texts' order."""

    object: Literal["list"] = "list"
    data: list[EmbeddingVector]
    model: str
    usage: Usage


class OpenAIModel(ApiModel):
    """Something that can be asked as a model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["alir"] = "alir"


class ModelsResponse(ApiModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[OpenAIModel]


def encoded(vector: Any) -> str:
    """Return a vector as base64 of float32, as OpenAI's clients ask for it by themselves."""
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
