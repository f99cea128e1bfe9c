"""OpenAI's protocol: the objects that its clients get; fields are those of its API reference."""

import base64
import json
from typing import Any, Literal

import numpy as np

from alir.models.answers import Citation
from alir.server.schemas.base import ApiModel

ASK_MODEL, AGENT_MODEL, EMBEDDING_MODEL = "alir", "alir-agent", "alir-embedding"
MODELS = (ASK_MODEL, AGENT_MODEL, EMBEDDING_MODEL)


class Usage(ApiModel):
    """Tokens by LlamaIndex's tokenizer: those of the questions read, and of the text that came."""

    prompt_tokens: int
    completion_tokens: int | None = None
    total_tokens: int


class AssistantMessage(ApiModel):
    """An answer; `citations`, which OpenAI does not have, are what its numbers stand for."""

    role: Literal["assistant"] = "assistant"
    content: str
    citations: list[Citation]
    degraded: list[str]
    """What did not work as it should, and what was not looked at; one sentence each."""


FinishReason = Literal["stop", "length"]
"""`length` where the answer was cut after `max_completion_tokens`."""


class Choice(ApiModel):
    """The one answer."""

    index: int = 0
    message: AssistantMessage
    finish_reason: FinishReason
    logprobs: None = None


class ChatCompletionResponse(ApiModel):
    """The answer to a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    ignored: list[str]
    """The fields of the request that have no effect here."""


class ChoiceDelta(ApiModel):
    """A piece of an answer; the last has the citations, and what is degraded."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    citations: list[Citation] | None = None
    degraded: list[str] | None = None


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
    ignored: list[str] | None = None
    """The fields of the request that have no effect here; in the last piece."""

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
    ignored: list[str]
    """The fields of the request that have no effect here."""


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
