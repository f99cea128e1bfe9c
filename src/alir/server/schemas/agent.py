"""What the agent is asked and tells over HTTP: every decision is an event of its own."""

from typing import Annotated, Any, Literal

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
from alir.models.answers import Budget
from alir.server.schemas.answers import STREAMED, AnswerObject, Question, of_event
from alir.server.schemas.base import ApiModel
from alir.server.schemas.requests import RequestModel
from alir.steps.ask.cite import source
from alir.workflows.retrieval import MAX_TOP_K


class BudgetBody(RequestModel):
    """What may be spent on a question; null is the agent's own limit, if it has one."""

    seconds: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    calls: Annotated[int | None, Field(ge=1)] = None
    """Searches, calls of the language model and of tools, together."""
    tokens: Annotated[int | None, Field(ge=1)] = None
    """Of the language model: what it is sent and what it replies."""

    def budget(self) -> Budget:
        """Return it as the agent takes it."""
        return Budget(seconds=self.seconds, calls=self.calls, tokens=self.tokens)


class AgentBody(RequestModel):
    """A question that may have several parts."""

    question: Question
    top_k: Annotated[int | None, Field(ge=1, le=MAX_TOP_K)] = None
    """Passages to find for each part; null is the service's setting."""
    session: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = None
    """The conversation it belongs to, by any name; each tenant has its own."""
    budget: BudgetBody | None = None
    steps: bool = False
    """Whether a stream has an event `step` for each step of the workflow that begins or ends."""
    may_ask: bool = False
    """Whether a stream may ask back, with an event `meaning_asked`; that needs a language model."""


class MeaningBody(RequestModel):
    """What a question means."""

    meaning: Question
    """One of the meanings that were told, or something else."""


class MeaningTaken(ApiModel):
    """What the run goes on with."""

    id: str
    meaning: str


class PartObject(ApiModel):
    """A part of a question, and what became of it."""

    question: str
    queries: list[str]
    """What it was searched with, one after the other."""
    grade: float
    """Of the best passages found, from 0 to 1.5."""
    is_found: bool
    """Whether they were good enough not to search again."""


class AgentAnswerObject(AnswerObject):
    """An answer over what was found for all parts of a question."""

    question: str
    """As it was understood."""
    parts: list[PartObject]
    spent: dict[str, int]
    """Calls and tokens."""


class RestatedEvent(ApiModel):
    """The question followed others, and this is it so that it stands alone."""

    asked: str
    question: str


class MeaningEvent(ApiModel):
    """The question may mean several things; `POST /v1/agent/{id}/meaning` says which."""

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
    by: Literal["llm", "rules"]


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
    """A part is to be searched for once more, in other words."""

    part: int
    query: str
    by: Literal["llm", "rules"]


class GivenUpEvent(ApiModel):
    """A part is searched for no further."""

    part: int
    reason: str


class ToolEvent(ApiModel):
    """A tool was called."""

    tool: str
    is_error: bool


class SpentEvent(ApiModel):
    """What may be spent is spent; the answer comes from what was found."""

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
    "answer": AgentAnswerObject,
}
"""The events of an agent's answer, by name; the last is `answer`, or `problem`."""


def of_agent_event(event: object) -> tuple[str, dict[str, Any]] | None:
    """Return the name and the object of an event of a run; None if it is not for clients."""
    told: tuple[str, dict[str, Any]] | None
    match event:
        case QuestionRestated(asked=asked, question=question):
            told = "question_restated", {"asked": asked, "question": question}
        case QuestionDecomposed(parts=parts, by=by):
            told = "question_decomposed", {"parts": parts, "by": by}
        case EvidenceFound(part=part, passages=passages):
            files = sorted({source(passage).file for passage in passages})
            found = {"query": part.query, "passages": len(passages), "files": files}
            told = "evidence_found", {"part": part.number, **found}
        case EvidenceAccepted(part=part):
            told = "evidence_accepted", {"part": part.number, "grade": part.grade}
        case EvidenceWeak(part=part, grade=grade):
            told = "evidence_weak", {"part": part.number, "grade": grade}
        case QueryRewritten(part=part, by=by):
            told = "query_rewritten", {"part": part.number, "query": part.query, "by": by}
        case SubQuestionGivenUp(part=part, reason=reason):
            told = "sub_question_given_up", {"part": part.number, "reason": reason}
        case ToolUsed(tool=tool, is_error=is_error):
            told = "tool_used", {"tool": tool, "is_error": is_error}
        case BudgetSpent(reason=reason):
            told = "budget_spent", {"reason": reason}
        case _:
            told = of_event(event)
    return told
