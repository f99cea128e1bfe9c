"""Answers that are kept so that they can be rated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from alir.models.answers import Citation

Rating = Literal["up", "down"]
AnswerKind = Literal["ask", "agent", "chat"]

_DOCUMENTED = ConfigDict(use_attribute_docstrings=True)


class CitedSpan(BaseModel):
    """The characters of a file that a number in an answer's text stands for."""

    model_config = _DOCUMENTED

    source: str
    """The file's id."""
    start: int
    end: int


class KeptAnswer(BaseModel):
    """A question and its answer, as far as they are kept."""

    model_config = _DOCUMENTED

    kind: AnswerKind
    """How it was asked: `/v1/ask`, `/v1/agent` or `/v1/chat/completions`."""
    question: str
    text: str
    mode: Literal["extractive", "llm"]
    citations: list[CitedSpan]

    @classmethod
    def of(
        cls,
        kind: AnswerKind,
        question: str,
        text: str,
        mode: Literal["extractive", "llm"],
        citations: Sequence[Citation],
    ) -> Self:
        """Return what is kept of an answer: of its citations not the quotes."""
        spans = [CitedSpan(source=one.source, start=one.start, end=one.end) for one in citations]
        return cls(kind=kind, question=question, text=text, mode=mode, citations=spans)


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer that can be rated."""

    id: str
    tenant: str
    at_ms: int
    answer: KeptAnswer


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """An answer that was rated."""

    given: GivenAnswer
    rating: Rating
    comment: str
    rated_ms: int
