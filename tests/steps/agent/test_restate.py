"""Restate: a question that leans on others is asked with the one it leans on."""

import pytest

from alir.steps.agent.restate import leans, prompt, restate


@pytest.mark.parametrize(
    ("question", "restated"),
    [
        ("When did he sell it?", "When did he sell it (Who founded Viaweb)?"),
        ("What about Y Combinator?", "What about Y Combinator (Who founded Viaweb)?"),
        ("Kapan dia menjualnya?", "Kapan dia menjualnya (Who founded Viaweb)?"),
        ("Bagaimana dengan Uber?", "Bagaimana dengan Uber (Who founded Viaweb)?"),
    ],
)
def test_what_leans_is_asked_with_the_question_before(question: str, restated: str) -> None:
    assert restate(question, ["Who founded Viaweb?"]) == restated


def test_it_is_the_last_question_that_stands_alone() -> None:
    earlier = ["Who made honey?", "Who founded Viaweb?", "When did he sell it?"]
    assert restate("And to whom?", earlier) == "And to whom (Who founded Viaweb)?"


def test_where_none_seems_to_stand_alone_it_is_the_first() -> None:
    earlier = ["Who gave Viaweb its funding?", "Why did he?"]
    assert restate("When was it?", earlier) == "When was it (Who gave Viaweb its funding)?"


def test_what_stands_alone_or_has_nothing_to_lean_on_stays() -> None:
    assert restate("Who founded Viaweb?", ["Who made honey?"]) is None
    assert restate("When did he sell it?", []) is None


@pytest.mark.parametrize("question", ["Who founded Viaweb?", "Siapa pendiri Viaweb?", "Andes?"])
def test_a_question_that_names_what_it_means_does_not_lean(question: str) -> None:
    assert not leans(question)


def test_a_model_is_told_what_was_asked_before() -> None:
    [_, user] = prompt("When?", ["Who?", "What?"])
    assert user.content == "Asked before:\n- Who?\n- What?\n\nThe last question: When?"
