"""What OpenAI's clients send: conversations, and texts to embed.

Fields are those of OpenAI's API reference. Unknown fields are ignored: clients send many that mean
nothing here, such as the temperature.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from alir.server.schemas.requests import RequestModel

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
