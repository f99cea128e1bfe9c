"""The events of the workflow server; every field is plain JSON.

alir's own events carry nodes and scores that are not JSON, and could not be stored.
"""

from typing import Annotated, Any

from pydantic import Field
from workflows.events import StartEvent, StopEvent

from alir.events.base import StrictEvent
from alir.server.schemas.agent import BudgetLimits
from alir.server.schemas.answers import Question
from alir.workflows.retrieval import MAX_TOP_K

TopK = Annotated[int | None, Field(ge=1, le=MAX_TOP_K)]
Session = Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class AskQuestion(StrictEvent, StartEvent):
    """Answer a question, as `/v1/ask` does."""

    question: Question
    top_k: TopK = None
    """Passages to answer from; null is the service's setting."""
    steps: bool = False
    """Whether to stream the begin and end of each step of the workflow."""


class AskAgentQuestion(StrictEvent, StartEvent):
    """Answer a question of several parts, as `/v1/agent` does."""

    question: Question
    top_k: TopK = None
    """Passages to find for each part; null is the service's setting."""
    session: Session = None
    """The conversation it belongs to, by any name; each tenant has its own."""
    budget: BudgetLimits | None = None
    may_ask: bool = False
    """Whether it may stream `meaning_asked` and wait for a `MeaningChosen`; this needs a language
    model."""
    steps: bool = False
    """Whether to stream the begin and end of each step of the workflow."""


class FindPassages(StrictEvent, StartEvent):
    """Find the passages that a question is answered from."""

    question: Question
    top_k: TopK = None
    """Passages to find; null is the service's setting."""


class RunEvent(StrictEvent):
    """Streamed: an event of `/v1/ask` or `/v1/agent`, or `problem`, why the run has failed."""

    event: str
    """The name of the event."""
    data: dict[str, Any]
    """The object of the event."""


class RunAnswer(StrictEvent, StopEvent):
    """The answer, as `/v1/ask` or `/v1/agent` gives it."""

    answer: dict[str, Any]


class RunPassages(StrictEvent, StopEvent):
    """The passages, best first, each as a source of an answer."""

    passages: list[dict[str, Any]]
    degraded: list[str]
    """What went wrong, one sentence each."""
    seconds: dict[str, float]
    """By step, and `total`."""
