"""The agent over HTTP: what clients see of each of its decisions."""

from time import perf_counter
from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore, TextNode
from pydantic import ValidationError

from alir.events.agent import (
    AgentAnswer,
    BudgetSpent,
    EvidenceAccepted,
    EvidenceFound,
    EvidenceWeak,
    QueryRewritten,
    QuestionDecomposed,
    QuestionRestated,
    SubQuestionAsked,
    SubQuestionGivenUp,
    ToolUsed,
)
from alir.events.ask import Token
from alir.models.answers import AgentQuestion, AnsweredPart, Budget, SubQuestion
from alir.server.schemas.agent import AGENT_STREAMED, AgentRequest, AgentResponse, agent_event

INQUIRY = AgentQuestion("Who?", None, None, Budget(), started=perf_counter())
PART = SubQuestion(2, "Who?", query="who", grade=0.75)
FOUND = [
    NodeWithScore(node=TextNode(text=text, metadata={"file_path": file}), score=1.0)
    for file, text in (("/docs/b", "x"), ("/docs/a", "y"), ("/docs/b", "z"))
]
OF_PART = {"inquiry": INQUIRY, "part": PART}


@pytest.mark.parametrize(
    ("event", "name", "value"),
    [
        (
            QuestionRestated(asked="They?", question="Who?", by="llm"),
            "question_restated",
            {"asked": "They?", "question": "Who?"},
        ),
        (
            QuestionDecomposed(question="Who?", parts=["Who?"], by="rules"),
            "question_decomposed",
            {"parts": ["Who?"], "by": "rules"},
        ),
        (
            EvidenceFound(passages=FOUND, **OF_PART),
            "evidence_found",
            {"part": 2, "query": "who", "passages": 3, "files": ["/docs/a", "/docs/b"]},
        ),
        (EvidenceAccepted(**OF_PART), "evidence_accepted", {"part": 2, "grade": 0.75}),
        (EvidenceWeak(grade=0.5, **OF_PART), "evidence_weak", {"part": 2, "grade": 0.5}),
        (
            QueryRewritten(by="llm", **OF_PART),
            "query_rewritten",
            {"part": 2, "query": "who", "by": "llm"},
        ),
        (
            SubQuestionGivenUp(reason="Enough.", **OF_PART),
            "sub_question_given_up",
            {"part": 2, "reason": "Enough."},
        ),
        (
            ToolUsed(tool="weather", arguments={"town": "Lund"}, output="Rain.", is_error=False),
            "tool_used",
            {"tool": "weather", "is_error": False},
        ),
        (BudgetSpent(reason="Spent."), "budget_spent", {"reason": "Spent."}),
        (Token(text="Cats"), "token", {"text": "Cats"}),
    ],
)
def test_each_decision_is_an_object_of_its_name(event: object, name: str, value: Any) -> None:
    named = agent_event(event)

    assert named is not None
    assert isinstance(named[1], AGENT_STREAMED[name])
    assert (named[0], named[1].model_dump(mode="json")) == (name, value)


def test_what_is_not_for_clients_is_left_out() -> None:
    assert agent_event(SubQuestionAsked(**OF_PART)) is None


def test_an_answer_has_its_parts_and_what_it_cost() -> None:
    answer = AgentAnswer(
        question="Who?",
        text="Bees.",
        mode="extractive",
        citations=[],
        sources=[],
        degraded=[],
        parts=[AnsweredPart("Who?", ["who"], 0.75, is_found=True)],
        spent={"calls": 1, "tokens": 0},
        seconds={"total": 1.0},
    )

    shown = AgentResponse.from_event(answer, id="abc").model_dump(mode="json")

    assert (shown["id"], shown["question"]) == ("abc", "Who?")
    assert shown["parts"] == [
        {"question": "Who?", "queries": ["who"], "grade": 0.75, "is_found": True}
    ]
    assert shown["spent"] == {"calls": 1, "tokens": 0}


def test_limits_become_the_agents_budget_and_no_limit_is_zero() -> None:
    asked = AgentRequest.model_validate({"question": "Who?", "budget": {"calls": 3}})

    assert asked.budget is not None
    assert asked.budget.budget() == Budget(calls=3)
    for limit in ({"calls": 0}, {"tokens": 0}, {"seconds": 0}, {"seconds": "inf"}):
        with pytest.raises(ValidationError):
            AgentRequest.model_validate({"question": "Who?", "budget": limit})
