"""What OpenAI's clients send: conversations, and texts to embed.

Fields are those of OpenAI's API reference. A field that is not declared here has no effect; the
response names it in `ignored`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from alir.server.schemas.requests import RequestModel

MAX_INPUTS = 2048
"""Texts of a request for embeddings, as OpenAI's."""
MAX_IGNORED = 100
MAX_STOPS = 4
MAX_STOP_CHARS = 100
BOOKKEEPING = frozenset(
    {
        "metadata",
        "parallel_tool_calls",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)
"""Fields that change no answer anyway, so that nobody needs to be told."""


class _Lenient(RequestModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Telling(RequestModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def ignored(self) -> list[str]:
        """The fields that it gives a value and that have no effect."""
        given = self.model_extra or {}
        named = sorted(
            name[:80]
            for name, value in given.items()
            if value is not None and name not in BOOKKEEPING
        )
        return named[:MAX_IGNORED]


class ContentPart(_Lenient):
    """A part of a message; alir reads text alone."""

    type: str
    text: str | None = None
    refusal: str | None = None
    """Of an assistant."""

    @property
    def is_read(self) -> bool:
        """Whether it is text."""
        return self.type in {"text", "input_text", "output_text", "refusal"}


def _kind_of_content(content: object) -> str | None:
    if isinstance(content, str):
        return "text"
    return "parts" if isinstance(content, list) else None


class ChatRequestMessage(_Lenient):
    """A message of the conversation; those of users are read."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: (
        Annotated[
            Annotated[str, Tag("text")]
            | Annotated[list[ContentPart], Field(fail_fast=True), Tag("parts")],
            Discriminator(
                _kind_of_content,
                custom_error_type="content_type",
                custom_error_message="Input should be a string or a list of parts",
            ),
        ]
        | None
    ) = None

    @property
    def text(self) -> str:
        """Its text."""
        if isinstance(self.content, list):
            return "\n".join(part.text or "" for part in self.content if part.is_read)
        return self.content or ""

    @property
    def unread(self) -> list[str]:
        """The types of its parts that are no text."""
        parts = self.content if isinstance(self.content, list) else []
        return [part.type for part in parts if not part.is_read]


class StreamOptions(_Lenient):
    """What a stream has besides the answer."""

    include_usage: bool | None = None


def _kind_of_stop(stop: object) -> str | None:
    if isinstance(stop, str):
        return "one"
    return "several" if isinstance(stop, list) else None


Stop = Annotated[str, Field(min_length=1, max_length=MAX_STOP_CHARS)]


class ChatCompletionRequest(_Telling):
    """A conversation; its last message is the question."""

    model: str
    messages: Annotated[list[ChatRequestMessage], Field(min_length=1, fail_fast=True)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    """The older name of `max_completion_tokens`."""
    stop: (
        Annotated[
            Annotated[Stop, Tag("one")]
            | Annotated[list[Stop], Field(max_length=MAX_STOPS), Tag("several")],
            Discriminator(
                _kind_of_stop,
                custom_error_type="stop_type",
                custom_error_message="Input should be a string or a list of strings",
            ),
        ]
        | None
    ) = None
    """Where the answer ends, before any of these."""
    n: int | None = None
    """1; alir gives one answer."""
    response_format: dict[str, Any] | None = None
    """Of the type `text`; alir writes no JSON."""
    tools: list[Any] | None = None
    """Empty; alir calls no tools of clients."""
    tool_choice: Any = None
    functions: list[Any] | None = None
    """Empty, as `tools`."""
    function_call: Any = None
    logprobs: bool | None = None
    """False; alir has no probabilities."""
    top_logprobs: int | None = None
    logit_bias: dict[str, Any] | None = None
    """Empty; alir cannot weigh tokens."""
    modalities: list[str] | None = None
    """`text` alone."""
    audio: dict[str, Any] | None = None
    """Null; alir does not speak."""
    web_search_options: dict[str, Any] | None = None
    """Null; alir answers from the index, not from the web."""

    @property
    def max_answer_tokens(self) -> int | None:
        """The most tokens of the answer; None is no limit."""
        given = [one for one in (self.max_completion_tokens, self.max_tokens) if one is not None]
        return min(given, default=None)

    @property
    def stops(self) -> list[str]:
        """The texts before which the answer ends."""
        if self.stop is None:
            return []
        return [self.stop] if isinstance(self.stop, str) else self.stop

    @property
    def unsupported(self) -> tuple[str, str] | None:
        """The first field that asks for what alir cannot do, and why, in a sentence."""
        says_text = (self.response_format or {"type": "text"}).get("type") == "text"
        calls = "alir calls no tools of its clients; leave it out, or ask POST /v1/agent"
        has_tools = bool(self.tools) and self.tool_choice != "none"
        has_functions = bool(self.functions) and self.function_call != "none"
        checks = (
            ("n", self.n in {None, 1}, "alir gives one answer, so n must be 1"),
            (
                "response_format",
                says_text,
                "alir answers in text with citations, and cannot keep to JSON or a schema",
            ),
            ("tools", not has_tools, calls),
            ("tool_choice", self.tool_choice in ("none", "auto", None), calls),
            ("functions", not has_functions, calls),
            ("function_call", self.function_call in ("none", "auto", None), calls),
            ("logprobs", not self.logprobs, "alir has no probabilities of its tokens"),
            ("top_logprobs", not self.top_logprobs, "alir has no probabilities of its tokens"),
            ("logit_bias", not self.logit_bias, "alir cannot weigh tokens"),
            ("modalities", {*(self.modalities or [])} <= {"text"}, "alir answers in text alone"),
            ("audio", self.audio is None, "alir answers in text alone"),
            (
                "web_search_options",
                self.web_search_options is None,
                "alir answers from the index and does not search the web",
            ),
        )
        return next(((name, why) for name, is_fine, why in checks if not is_fine), None)


def _kind_of_input(given: object) -> str | None:
    if isinstance(given, str):
        return "text"
    if not isinstance(given, list):
        return None
    first = given[0] if given else ""
    kinds = {str: "texts", int: "tokens", list: "token_lists"}
    return kinds.get(type(first))


Texts = Annotated[list[str], Field(min_length=1, max_length=MAX_INPUTS, fail_fast=True)]
Tokens = Annotated[list[int], Field(fail_fast=True)]
TokenLists = Annotated[list[Tokens], Field(max_length=MAX_INPUTS, fail_fast=True)]


class EmbeddingsRequest(_Telling):
    """Texts to embed, or the tokens of texts, of OpenAI's encoding cl100k_base."""

    model: str
    input: Annotated[
        Annotated[str, Tag("text")]
        | Annotated[Texts, Tag("texts")]
        | Annotated[Tokens, Tag("tokens")]
        | Annotated[TokenLists, Tag("token_lists")],
        Discriminator(
            _kind_of_input,
            custom_error_type="input_type",
            custom_error_message="Input should be a string, a list of strings, a list of tokens "
            "or a list of lists of tokens",
        ),
    ]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int | None, Field(ge=1)] = None

    @property
    def inputs(self) -> Sequence[str | list[int]]:
        """The texts, or the tokens of each, in order."""
        if isinstance(self.input, str):
            return [self.input]
        if isinstance(self.input[0], int):
            return [[one for one in self.input if isinstance(one, int)]]
        return [one for one in self.input if not isinstance(one, int)]
