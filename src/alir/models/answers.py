"""Questions, passages, citations and answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llama_index.core.schema import NodeWithScore
from llama_index.core.vector_stores.types import MetadataFilters
from pydantic import BaseModel, ConfigDict, Field, computed_field
from pydantic.dataclasses import dataclass as documented

from alir.models.files import source_id

_DOCUMENTED = ConfigDict(use_attribute_docstrings=True)
"""Of what the service answers with: the docstrings stand in its OpenAPI file."""

Branch = Literal["dense", "keyword"]
By = Literal["llm", "rules"]
"""Who decided: the language model, or plain rules."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the passages of both searches become one list: by a weighted sum of their worth.

    A passage is worth `1 / (60 + rank)` by rank (reciprocal rank fusion); by score what its score
    is of the branch's highest; by spread where it lies between the lowest found, 0, and the
    highest, 1. docs/quality.md has the figures that the default was chosen by.
    """

    by: Literal["rank", "score", "spread"] = "rank"
    keyword_weight: float = 0.5
    """From 0, only the search by meaning is made, to 1, only the one by words."""

    def weight(self, branch: Branch) -> float:
        """Return what counts of a branch's worth: the weights' sum is 1."""
        return self.keyword_weight if branch == "keyword" else 1 - self.keyword_weight


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A stretch of a passage's text that an answer rests on."""

    passage: int
    """Index of the passage in the list of passages, from 0."""
    start: int
    """Character offset in the passage's text."""
    end: int


@documented(frozen=True, slots=True, config=_DOCUMENTED)
class FilePage:
    """A file, and a page of it."""

    file: str
    page: int | None

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated property
    @property
    def source(self) -> str:
        """The file's id."""
        return source_id(Path(self.file))


@documented(frozen=True, slots=True, config=_DOCUMENTED)
class Citation(FilePage):
    """A verified quote: `quote` stands at characters `start` to `end` of the document `file`."""

    start: int
    end: int
    quote: str


@documented(frozen=True, slots=True, config=_DOCUMENTED)
class CheckedSentence:
    """A sentence of a language model's answer, and how far what it cites supports it."""

    text: str
    """Without its citations."""
    citations: tuple[int, ...]
    """Numbers of the answer's citations, from 1; empty if it cites nothing that holds."""
    support: float
    """From 0 to 1."""
    is_supported: bool


@documented(frozen=True, slots=True, config=_DOCUMENTED)
class SourcePassage(FilePage):
    """A passage that an answer could rest on."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What the agent may spend on one question; None is no limit."""

    seconds: float | None = None
    calls: int | None = None
    """Searches, calls of the language model and of tools, together."""
    tokens: int | None = None
    """Of the language model: what it is sent and what it replies, by LlamaIndex's tokenizer."""


@dataclass(frozen=True, slots=True)
class AgentQuestion:
    """A question that the agent works on."""

    question: str
    session: str | None
    """The conversation that it belongs to."""
    top_k: int | None
    budget: Budget
    started: float
    """Clock reading, in seconds, when it came."""
    filters: MetadataFilters | None = None


class AgentState(BaseModel):
    """The state of an agent's run: what its question has cost so far, and what did not work."""

    calls: int = 0
    tokens: int = 0
    is_overspent: bool = False
    degraded: list[str] = Field(default_factory=list)
    unclear: AgentQuestion | None = None
    """The question, while a person is asked what it means."""
    seconds_before: float = 0.0
    """Seconds that it had taken until then."""


@dataclass(frozen=True, slots=True)
class SubQuestion:
    """A part of a question, and how far the search for it has come."""

    number: int
    """From 1, in the order of the question."""
    question: str
    query: str
    """The query of the next search: the question itself at first."""
    tried: tuple[str, ...] = ()
    """The queries before this one."""
    passages: tuple[NodeWithScore, ...] = ()
    """The best of each search, as many as one search finds."""
    grade: float = 0.0
    """Of the best search, 0 to 1.5: see `alir.steps.agent.grade`."""


@documented(frozen=True, slots=True, config=_DOCUMENTED)
class AnsweredPart:
    """A part of a question, and what became of it."""

    question: str
    queries: list[str]
    """Its queries, one after the other."""
    grade: float
    """Of the best passages found, from 0 to 1.5."""
    is_found: bool
    """Whether they were good enough not to search again."""
