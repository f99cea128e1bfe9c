"""Questions and answers over HTTP, and how alir's events become objects."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, RootModel, StringConstraints
from workflows.events import StepState, StepStateChanged

from alir.events.ask import Answer, SentenceChecked, Sources, Token
from alir.events.base import rounded
from alir.models.answers import CheckedSentence, Citation, SourcePassage
from alir.server.schemas.base import ApiModel
from alir.server.schemas.requests import RequestModel
from alir.visualize.recording import class_name
from alir.workflows.retrieval import MAX_TOP_K

MAX_QUESTION_CHARS = 8_000

Question = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_CHARS)
]


class AskRequest(RequestModel):
    """A question."""

    question: Question
    top_k: Annotated[int | None, Field(ge=1, le=MAX_TOP_K)] = None
    """Passages to answer from; null is the service's setting."""
    steps: bool = False
    """Whether a stream has an event `step` for each step of the workflow that begins or ends."""


class AnswerContent(ApiModel):
    """An answer; `[n]` in its text is the nth of its citations, from 1."""

    text: str
    mode: Literal["extractive", "llm"]
    citations: list[Citation]
    sources: list[SourcePassage]
    """Best first."""
    sentences: list[CheckedSentence]
    degraded: list[str]
    """What did not work as it should, one sentence each."""
    seconds: dict[str, float]
    """By step, and `total`."""

    @classmethod
    def from_event(cls, answer: Answer, **more: Any) -> Self:
        """Return the object of an answer; `more` are the fields that the event does not have."""
        given = more | {"seconds": rounded(answer.seconds)}
        shared = {name: getattr(answer, name) for name in cls.model_fields if name not in given}
        return cls(**shared, **given)


class AnswerResponse(AnswerContent):
    """An answer that feedback can be given on."""

    id: str
    """For feedback on it."""


class SourcesEvent(ApiModel):
    """The passages that the answer will be made from, best first."""

    sources: list[SourcePassage]


class TokenEvent(ApiModel):
    """The next piece of the answer's text."""

    text: str


class SentenceEvent(RootModel[CheckedSentence]):
    """A sentence that a language model wrote, and whether what it cites supports it."""


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
    "sentence": SentenceEvent,
    "answer": AnswerResponse,
}
"""The events of an answer, by name; the last is `answer`, or `problem`."""


def answer_event(event: object) -> tuple[str, BaseModel] | None:
    """Return the name and the object of an event of a run; None if it is not for clients."""
    if isinstance(event, Token):
        return "token", TokenEvent(text=event.text)
    if isinstance(event, Sources):
        return "sources", SourcesEvent(sources=event.sources)
    if isinstance(event, SentenceChecked):
        return "sentence", SentenceEvent(event.sentence)
    if isinstance(event, StepStateChanged):
        return _step_event(event)
    return None


def _step_event(event: StepStateChanged) -> tuple[str, StepEvent] | None:
    if event.step_state is StepState.RUNNING:
        taken = event.input_event_name
        return "step", StepEvent(step=event.name, state="running", event=taken)
    if event.step_state is StepState.NOT_RUNNING:
        given = class_name(event.output_event_name)
        state: Literal["raised", "done"] = "raised" if given is None else "done"
        return "step", StepEvent(step=event.name, state=state, event=given)
    return None
