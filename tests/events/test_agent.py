"""The events of the agent: the JSON that programs read stays as it is."""

from alir.events.agent import AgentAnswer
from alir.models.answers import AnsweredPart


def test_an_agents_answer_as_json_has_its_parts_and_what_it_cost() -> None:
    answer = AgentAnswer(
        question="Do cats sleep?",
        text="Cats sleep.",
        mode="extractive",
        citations=[],
        sources=[],
        degraded=[],
        parts=[AnsweredPart("Do cats sleep?", ["cats sleep"], 0.75, is_found=True)],
        spent={"calls": 1, "tokens": 0},
        seconds={"total": 0.123456},
    )

    expected = {
        "question": "Do cats sleep?",
        "text": "Cats sleep.",
        "mode": "extractive",
        "citations": [],
        "sources": [],
        "sentences": [],
        "degraded": [],
        "seconds": {"total": 0.1235},
        "parts": [
            {
                "question": "Do cats sleep?",
                "queries": ["cats sleep"],
                "grade": 0.75,
                "is_found": True,
            }
        ],
        "spent": {"calls": 1, "tokens": 0},
    }
    assert answer.to_json() == expected
    assert list(answer.to_json()) == list(expected)
