"""The agent over HTTP: every decision is an event of its own."""

from typing import Annotated

from pydantic import BaseModel, Field

from alir.events.agent import (
    BudgetSpent,
    EvidenceAccepted,
    EvidenceFound,
    EvidenceWeak,
    QueryRewritten,
    QuestionDecomposed,
    QuestionRestated,
    SubQuestionGivenUp,
    ToolUsed,
)
from alir.models.answers import AnsweredPart, Budget, By
from alir.server.schemas.answers import STREAMED, AnswerContent, Question, answer_event
from alir.server.schemas.base import ApiModel
from alir.server.schemas.requests import RequestModel
from alir.steps.ask.cite import sources
from alir.workflows.retrieval import MAX_TOP_K


class BudgetLimits(RequestModel):
    """What may be spent on a question; null is the agent's own limit, if it has one."""

    seconds: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    calls: Annotated[int | None, Field(ge=1)] = None
    """Searches, calls of the language model and of tools, together."""
    tokens: Annotated[int | None, Field(ge=1)] = None
    """Of the language model: what it is sent and what it replies."""

    def budget(self) -> Budget:
        """Return them as the agent takes them."""
        return Budget(seconds=self.seconds, calls=self.calls, tokens=self.tokens)


class AgentRequest(RequestModel):
    """A question that may have several parts."""

    question: Question
    top_k: Annotated[int | None, Field(ge=1, le=MAX_TOP_K)] = None
    """Passages to find for each part; null is the service's setting."""
    session: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = None
    """The conversation it belongs to, by any name; each tenant has its own."""
    budget: BudgetLimits | None = None
    steps: bool = False
    """Whether a stream has an event `step` for each step of the workflow that begins or ends."""
    may_ask: bool = False
    """Whether a stream may ask back, with an event `meaning_asked`; that needs a language model."""


class MeaningRequest(RequestModel):
    """What a question means."""

    meaning: Question
    """One of the meanings that were offered, or something else."""


class MeaningResponse(ApiModel):
    """What the run goes on with."""

    id: str
    meaning: str


class AgentContent(AnswerContent):
    """An answer over what was found for all parts of a question."""

    question: str
    """As it was understood."""
    parts: list[AnsweredPart]
    spent: dict[str, int]
    """Calls and tokens."""


class AgentResponse(AgentContent):
    """An answer of the agent that feedback can be given on."""

    id: str
    """For feedback on it."""


class RestatedEvent(ApiModel):
    """The question followed others, and was restated so that it stands alone."""

    asked: str
    question: str


class MeaningEvent(ApiModel):
    """The question may mean several things; `POST /v1/agent/{id}/meaning` chooses one."""

    id: str
    """Of the run, and of its answer."""
    question: str
    meanings: list[str]
    """Each a whole question."""
    waits_s: float
    """Then the run goes on with the question as it is."""


class DecomposedEvent(ApiModel):
    """The parts of the question, each to be searched for."""

    parts: list[str]
    by: By


class FoundEvent(ApiModel):
    """Passages were found for a part; maybe none."""

    part: int
    """From 1."""
    query: str
    passages: int
    files: list[str]


class JudgedEvent(ApiModel):
    """What was found for a part is good enough, or is not."""

    part: int
    grade: float


class RewrittenEvent(ApiModel):
    """The next search for a part uses other words."""

    part: int
    query: str
    by: By


class GivenUpEvent(ApiModel):
    """A part is searched for no further."""

    part: int
    reason: str


class ToolEvent(ApiModel):
    """A tool was called."""

    tool: str
    is_error: bool


class SpentEvent(ApiModel):
    """The budget is spent; the answer comes from what was found."""

    reason: str


AGENT_STREAMED: dict[str, type[BaseModel]] = {
    "question_restated": RestatedEvent,
    "meaning_asked": MeaningEvent,
    "question_decomposed": DecomposedEvent,
    "evidence_found": FoundEvent,
    "evidence_accepted": JudgedEvent,
    "evidence_weak": JudgedEvent,
    "query_rewritten": RewrittenEvent,
    "sub_question_given_up": GivenUpEvent,
    "tool_used": ToolEvent,
    "budget_spent": SpentEvent,
    **STREAMED,
    "answer": AgentResponse,
}
"""The events of an agent's answer, by name; the last is `answer`, or `problem`."""


def agent_event(event: object) -> tuple[str, BaseModel] | None:
    """Return the name and the object of an event of a run; None if it is not for clients."""
    named = answer_event(event)
    match event:
        case QuestionRestated(asked=asked, question=question):
            named = "question_restated", RestatedEvent(asked=asked, question=question)
        case QuestionDecomposed(parts=parts, by=by):
            named = "question_decomposed", DecomposedEvent(parts=parts, by=by)
        case EvidenceFound(part=part, passages=passages):
            files = sorted({one.file for one in sources(passages)})
            found = FoundEvent(
                part=part.number, query=part.query, passages=len(passages), files=files
            )
            named = "evidence_found", found
        case EvidenceAccepted(part=part):
            named = "evidence_accepted", JudgedEvent(part=part.number, grade=part.grade)
        case EvidenceWeak(part=part, grade=grade):
            named = "evidence_weak", JudgedEvent(part=part.number, grade=grade)
        case QueryRewritten(part=part, by=by):
            named = "query_rewritten", RewrittenEvent(part=part.number, query=part.query, by=by)
        case SubQuestionGivenUp(part=part, reason=reason):
            named = "sub_question_given_up", GivenUpEvent(part=part.number, reason=reason)
        case ToolUsed(tool=tool, is_error=is_error):
            named = "tool_used", ToolEvent(tool=tool, is_error=is_error)
        case BudgetSpent(reason=reason):
            named = "budget_spent", SpentEvent(reason=reason)
    return named
