"""The events of the agent: one for each decision, so that a person can follow it."""

from dataclasses import asdict
from typing import Any

from llama_index.core.schema import NodeWithScore
from llama_index.core.vector_stores.types import MetadataFilters
from pydantic import Field
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent

from alir.events.ask import Answer
from alir.events.base import StrictEvent
from alir.models.answers import AgentQuestion, AnsweredPart, Budget, By, SubQuestion


class AskAgent(StrictEvent, StartEvent):
    """Answer a question that may have several parts, searching for each until enough is found."""

    question: str
    top_k: int | None = None
    """Passages to find for each part; None is the setting's."""
    filters: MetadataFilters | None = None
    """The passages that may be used; the tools are not limited by it."""
    session: str | None = None
    """The conversation that it belongs to; None keeps nothing."""
    budget: Budget | None = None
    """None is the agent's own."""
    may_ask: bool = False
    """Whether it may send a `MeaningAsked`, and wait for a `MeaningChosen`; that needs a language
    model."""


class QuestionRestated(StrictEvent):
    """Streamed: the question followed others, and was restated so that it stands alone."""

    asked: str
    question: str
    by: By


class MeaningAsked(StrictEvent, InputRequiredEvent):
    """Streamed: the question may mean several things; the run waits for a `MeaningChosen`."""

    question: str
    meanings: list[str]
    """Each a whole question."""


class MeaningChosen(StrictEvent, HumanResponseEvent):
    """A person chose what the question means: one of the meanings, or something else."""

    meaning: str
    """Empty if nobody chose: the question is then taken as it is."""


class QuestionUnderstood(StrictEvent):
    """There is a question, and it can be understood without those before it."""

    inquiry: AgentQuestion


class QuestionDecomposed(StrictEvent):
    """Streamed: the parts of the question, each to be searched for."""

    question: str
    parts: list[str]
    """The question itself, if it has no parts."""
    by: By


class SubQuestionAsked(StrictEvent):
    """A part of the question goes into a search."""

    inquiry: AgentQuestion
    part: SubQuestion


class ToolsOffered(StrictEvent):
    """There are tools, and the question may need one."""

    inquiry: AgentQuestion


class ToolUsed(StrictEvent):
    """Streamed: a tool was called."""

    tool: str
    arguments: dict[str, Any]
    output: str
    is_error: bool


class ToolsUsed(StrictEvent):
    """All tools that the question needs were called; their outputs are passages."""

    inquiry: AgentQuestion
    passages: list[NodeWithScore]


class EvidenceFound(StrictEvent):
    """Streamed: these passages were found for a part, best first; maybe none."""

    inquiry: AgentQuestion
    part: SubQuestion
    passages: list[NodeWithScore]


class EvidenceAccepted(StrictEvent):
    """Streamed: what was found for a part is good enough."""

    inquiry: AgentQuestion
    part: SubQuestion


class EvidenceWeak(StrictEvent):
    """Streamed: what was found for a part is not good enough."""

    inquiry: AgentQuestion
    part: SubQuestion
    """With what was found for it so far."""
    grade: float
    """Of what was found last."""


class QueryRewritten(StrictEvent):
    """Streamed: the next search for a part uses other words."""

    inquiry: AgentQuestion
    part: SubQuestion
    by: By


class SubQuestionGivenUp(StrictEvent):
    """Streamed: a part is searched for no further; the answer has what was found."""

    inquiry: AgentQuestion
    part: SubQuestion
    reason: str
    is_failure: bool = False
    """Whether it could not be searched for at all."""


class BudgetSpent(StrictEvent):
    """Streamed, once: the budget is spent; the answer comes from what was found."""

    reason: str


class EvidenceGathered(StrictEvent):
    """Every part is settled; the passages are from the versions the index holds."""

    inquiry: AgentQuestion
    parts: list[SubQuestion]
    answered: list[AnsweredPart]
    tool_passages: list[NodeWithScore]
    texts: dict[str, str]
    """By chunk id."""
    seconds: float
    """Since the question came."""


class AgentAnswer(Answer):
    """An answer over the evidence for all parts of a question."""

    question: str
    """As it was understood."""
    parts: list[AnsweredPart]
    spent: dict[str, int] = Field(default_factory=dict)
    """Calls and tokens, counted as `Budget` does."""

    def to_json(self) -> dict[str, Any]:
        """Return the answer as `alir agent --json` prints it."""
        return {
            "question": self.question,
            **super().to_json(),
            "parts": [asdict(part) for part in self.parts],
            "spent": self.spent,
        }
