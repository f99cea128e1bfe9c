"""What is asked and answered over HTTP: the JSON objects, and how alir's events become them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints
from workflows.events import StepState, StepStateChanged

from alir.events.ask import Answer, SentenceChecked, Sources, Token
from alir.models.files import source_id
from alir.server.schemas.base import ApiModel
from alir.server.schemas.requests import RequestModel
from alir.visualize.recording import class_name
from alir.workflows.retrieval import MAX_TOP_K

MAX_QUESTION_CHARS = 8_000

Question = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_CHARS)
]


class AskBody(RequestModel):
    """A question."""

    question: Question
    top_k: Annotated[int | None, Field(ge=1, le=MAX_TOP_K)] = None
    """Passages to answer from; null is the service's setting."""
    steps: bool = False
    """Whether a stream has an event `step` for each step of the workflow that begins or ends."""


class SourceObject(ApiModel):
    """A passage that an answer was made from."""

    source: str
    """The file's id."""
    file: str
    page: int | None
    text: str
    score: float


class CitationObject(ApiModel):
    """A quote that an answer rests on; it stands in the file at these characters, verified."""

    source: str
    """The file's id."""
    file: str
    page: int | None
    start: int
    end: int
    quote: str


class SentenceObject(ApiModel):
    """A sentence that a language model wrote, and whether what it cites bears it out."""

    text: str
    citations: list[int]
    """Numbers of the answer's citations, from 1."""
    support: float
    is_supported: bool


class UnkeptAnswerObject(ApiModel):
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


class AnswerObject(UnkeptAnswerObject):
    """An answer that feedback can be given on."""

    id: str
    """For feedback on it."""


class SourcesEvent(ApiModel):
    """The passages that the answer will be made from, best first."""

    sources: list[SourceObject]


class TokenEvent(ApiModel):
    """The next piece of the answer's text."""

    text: str


class StepEvent(ApiModel):
    """A step of the workflow begins, or has ended."""

    step: str
    state: Literal["running", "done", "raised"]
    """`raised` also where it waits for a person."""
    event: str | None
    """The event that it takes, or gives; null if it gives none."""


STREAMED: dict[str, type[BaseModel]] = {
    "step": StepEvent,
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
        return "sources", {"sources": [_identified(asdict(one)) for one in event.sources]}
    if isinstance(event, SentenceChecked):
        return "sentence", asdict(event.sentence)
    if isinstance(event, StepStateChanged):
        return _of_step(event)
    return None


def of_answer(answer: Answer) -> dict[str, Any]:
    """Return the object of an answer."""
    told = answer.to_json()
    for part in ("citations", "sources"):
        told[part] = [_identified(one) for one in told[part]]
    return told


def _identified(one: dict[str, Any]) -> dict[str, Any]:
    return {"source": source_id(Path(one["file"])), **one}


def _of_step(event: StepStateChanged) -> tuple[str, dict[str, Any]] | None:
    if event.step_state is StepState.RUNNING:
        takes = event.input_event_name
        return "step", {"step": event.name, "state": "running", "event": takes}
    if event.step_state is StepState.NOT_RUNNING:
        gives = class_name(event.output_event_name)
        state = "raised" if gives is None else "done"
        return "step", {"step": event.name, "state": state, "event": gives}
    return None
