"""Clarify: a question with one meaning needs nobody to say which."""

from alir.steps.agent.clarify import meanings_of, prompt


def test_one_line_is_one_meaning_and_so_is_the_same_line_twice() -> None:
    assert meanings_of([]) == []
    assert meanings_of(["clear"]) == []
    assert meanings_of(["Which bank of the river?"] * 2) == []


def test_two_lines_are_two_meanings_and_more_than_three_are_not_asked_about() -> None:
    assert meanings_of(["The river's?", "The money's?"]) == ["The river's?", "The money's?"]
    assert meanings_of(["a", "b", "c", "d"]) == ["a", "b", "c"]


def test_a_model_gets_the_question_alone() -> None:
    [system, user] = prompt("Which bank?")
    assert "reply with: clear" in (system.content or "")
    assert user.content == "Which bank?"
