"""Answers over HTTP: what clients see of alir's events."""

from typing import Any

import pytest
from pydantic import ValidationError
from workflows.events import StepState, StepStateChanged

from alir.events.ask import Answer, Ask, SentenceChecked, Sources, Token
from alir.models.answers import CheckedSentence, Citation, SourcePassage
from alir.server.schemas.answers import AnswerResponse, AskRequest, answer_event

CITATION = Citation(file="/docs/a.pdf", page=3, start=10, end=21, quote="Cats sleep.")
PASSAGE = SourcePassage(file="/docs/a.pdf", page=3, text="Cats sleep. Dogs bark.", score=0.5)
SENTENCE = CheckedSentence("Cats sleep.", (1,), 1.0, is_supported=True)
PASSAGE_JSON = {
    "source": PASSAGE.source,
    "file": "/docs/a.pdf",
    "page": 3,
    "text": "Cats sleep. Dogs bark.",
    "score": 0.5,
}
SENTENCE_JSON = {"text": "Cats sleep.", "citations": [1], "support": 1.0, "is_supported": True}


def test_an_answer_is_its_event_with_an_id_and_rounded_seconds() -> None:
    answer = Answer(
        text="Cats sleep [1].",
        mode="llm",
        citations=[CITATION],
        sources=[PASSAGE],
        degraded=["It is late."],
        removed_citations=1,
        sentences=[SENTENCE],
        seconds={"total": 0.123456},
    )

    response = AnswerResponse.from_event(answer, id="abc")

    assert response.model_dump(mode="json") == {
        "id": "abc",
        "text": "Cats sleep [1].",
        "mode": "llm",
        "citations": [
            {
                "source": CITATION.source,
                "file": "/docs/a.pdf",
                "page": 3,
                "start": 10,
                "end": 21,
                "quote": "Cats sleep.",
            }
        ],
        "sources": [PASSAGE_JSON],
        "sentences": [SENTENCE_JSON],
        "degraded": ["It is late."],
        "seconds": {"total": 0.1235},
    }


def step(state: StepState, given: str | None) -> StepStateChanged:
    return StepStateChanged(
        name="read",
        step_state=state,
        worker_id="0",
        input_event_name="PassagesRanked",
        output_event_name=given,
    )


@pytest.mark.parametrize(
    ("event", "name", "value"),
    [
        (Token(text="Cats"), "token", {"text": "Cats"}),
        (Sources(sources=[PASSAGE]), "sources", {"sources": [PASSAGE_JSON]}),
        (SentenceChecked(sentence=SENTENCE), "sentence", SENTENCE_JSON),
        (
            step(StepState.RUNNING, None),
            "step",
            {"step": "read", "state": "running", "event": "PassagesRanked"},
        ),
        (
            step(StepState.NOT_RUNNING, "<class 'alir.events.search.PassagesRead'>"),
            "step",
            {"step": "read", "state": "done", "event": "PassagesRead"},
        ),
        (
            step(StepState.NOT_RUNNING, None),
            "step",
            {"step": "read", "state": "raised", "event": None},
        ),
    ],
)
def test_what_is_streamed_is_an_object_of_its_name(event: object, name: str, value: Any) -> None:
    named = answer_event(event)

    assert named is not None
    assert (named[0], named[1].model_dump(mode="json")) == (name, value)


def test_what_is_not_for_clients_is_left_out() -> None:
    assert answer_event(Ask(question="Why?")) is None
    assert answer_event(step(StepState.PREPARING, None)) is None


@pytest.mark.parametrize("body", [{"question": " "}, {"question": "x", "top_k": 0}, {"x": 1}])
def test_what_is_no_question_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AskRequest.model_validate(body)
