"""What is asked and answered over HTTP: the JSON objects, and how alir's events become them."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from alir.events import SentenceChecked, Sources, Token
from alir.server.bodies import Body
from alir.workflows.retrieval import MAX_TOP_K

MAX_QUESTION_CHARS = 8_000

Question = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_CHARS)
]


class AskBody(Body):
    """A question."""

    question: Question
    top_k: Annotated[int | None, Field(ge=1, le=MAX_TOP_K)] = None
    """Passages to answer from; null is the service's setting."""


class SourceObject(BaseModel):
    """A passage that an answer was made from."""

    file: str
    page: int | None
    text: str
    score: float


class CitationObject(BaseModel):
    """A quote that an answer rests on; it stands in the file at these characters, verified."""

    file: str
    page: int | None
    start: int
    end: int
    quote: str


class SentenceObject(BaseModel):
    """A sentence that a language model wrote, and whether what it cites bears it out."""

    text: str
    citations: list[int]
    """Numbers of the answer's citations, from 1."""
    support: float
    is_supported: bool


class AnswerObject(BaseModel):
    """An answer; `[n]` in its text is the nth of its citations, from 1."""

    text: str
    mode: Literal["extractive", "llm"]
    citations: list[CitationObject]
    sources: list[SourceObject]
    """Best first."""
    sentences: list[SentenceObject]
    degraded: list[str]
    """What did not work as it should, one sentence each."""
    seconds: dict[str, float]
    """By step, and `total`."""


class SourcesEvent(BaseModel):
    """The passages that the answer will be made from, best first."""

    sources: list[SourceObject]


class TokenEvent(BaseModel):
    """The next piece of the answer's text."""

    text: str


STREAMED: dict[str, type[BaseModel]] = {
    "sources": SourcesEvent,
    "token": TokenEvent,
    "sentence": SentenceObject,
    "answer": AnswerObject,
}
"""The events of an answer, by name; the last is `answer`, or `problem`."""


def of_event(event: object) -> tuple[str, dict[str, Any]] | None:
    """Return the name and the object of an event of a run; None if it is not for clients."""
    if isinstance(event, Token):
        return "token", {"text": event.text}
    if isinstance(event, Sources):
        return "sources", {"sources": [asdict(one) for one in event.sources]}
    if isinstance(event, SentenceChecked):
        return "sentence", asdict(event.sentence)
    return None
