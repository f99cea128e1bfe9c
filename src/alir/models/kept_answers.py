"""Answers that are kept so that they can be rated."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

Rating = Literal["up", "down"]
AnswerKind = Literal["ask", "agent", "chat"]

_DOCUMENTED = ConfigDict(use_attribute_docstrings=True, from_attributes=True)


class CitedSpan(BaseModel):
    """The characters of a file that a number in an answer's text stands for; of a `Citation`."""

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
