"""OpenAI's protocol: the objects that its clients send and get, as far as alir speaks it.

Fields are those of OpenAI's API reference. What alir does not know in a request is passed over:
clients send many fields that are of no matter here, such as the temperature.
"""

import base64
import json
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field

from alir.server.schemas.answers import CitationObject
from alir.server.schemas.base import ApiModel
from alir.server.schemas.requests import RequestModel

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


class ChatMessageBody(_Lenient):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        """What it says."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(_Lenient):
    """What a stream has besides the answer."""

    include_usage: bool | None = None


class ChatBody(_Lenient):
    """A conversation, whose last message is the question."""

    model: str
    messages: Annotated[list[ChatMessageBody], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None


class EmbeddingsBody(_Lenient):
    """Texts to embed."""

    model: str
    input: str | Annotated[list[str], Field(min_length=1, max_length=MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int | None, Field(ge=1)] = None

    @property
    def texts(self) -> list[str]:
        """The texts, in order."""
        return [self.input] if isinstance(self.input, str) else self.input


class UsageObject(ApiModel):
    """Tokens by LlamaIndex's tokenizer: those of the messages sent, and of the text that came."""

    prompt_tokens: int
    completion_tokens: int | None = None
    total_tokens: int


class AssistantObject(ApiModel):
    """An answer; `citations`, which OpenAI's has not, are what its numbers stand for."""

    role: Literal["assistant"] = "assistant"
    content: str
    citations: list[CitationObject]


class ChoiceObject(ApiModel):
    """The one answer."""

    index: int = 0
    message: AssistantObject
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class CompletionObject(ApiModel):
    """The answer to a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChoiceObject]
    usage: UsageObject


class DeltaObject(ApiModel):
    """A piece of an answer; the last has the citations."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    citations: list[CitationObject] | None = None


class ChunkChoiceObject(ApiModel):
    """A piece of the one answer."""

    index: int = 0
    delta: DeltaObject
    finish_reason: Literal["stop"] | None = None


class ChunkObject(ApiModel):
    """An event of a stream; after the last comes `[DONE]`."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoiceObject]
    usage: UsageObject | None = None

    def line(self) -> str:
        """Return its JSON; a delta has the fields that are there alone."""
        told = self.model_dump(exclude={"choices"}, exclude_none=True)
        told["choices"] = [
            {**one.model_dump(), "delta": one.delta.model_dump(exclude_none=True)}
            for one in self.choices
        ]
        return json.dumps(told, ensure_ascii=False)


class EmbeddingObject(ApiModel):
    """The vector of a text; in base64, of its float32 values, little-endian."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsObject(ApiModel):
    """The vectors, in the texts' order."""

    object: Literal["list"] = "list"
    data: list[EmbeddingObject]
    model: str
    usage: UsageObject


class ModelObject(ApiModel):
    """Something that can be asked as a model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["alir"] = "alir"


class ModelsObject(ApiModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ModelObject]


def encoded(vector: Any) -> str:
    """Return a vector as base64 of float32, as OpenAI's clients ask for it by themselves."""
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
