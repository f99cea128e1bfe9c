"""Decompose: comparisons have two sides, "and" joins two questions, the rest stays whole."""

import pytest

from alir.steps.agent.decompose import MAX_PARTS, decompose, parts_of, prompt, topic


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "Compare what the essay says about programming and what the 10-K says about revenue.",
            ["What does the essay say about programming?", "What does the 10-K say about revenue?"],
        ),
        ("Compare cats with dogs", ["Cats", "Dogs"]),
        ("Compare cats and dogs in winter", ["Cats in winter", "Dogs in winter"]),
        ("What is the difference between cats and dogs?", ["Cats", "Dogs"]),
        ("How do cats and dogs differ?", ["Cats", "Dogs"]),
        ("Cats vs. dogs", ["Cats", "Dogs"]),
        ("Bandingkan kucing dengan anjing", ["Kucing", "Anjing"]),
        ("Apa perbedaan antara kucing dan anjing?", ["Kucing", "Anjing"]),
        ("Apa bedanya kucing dan anjing?", ["Kucing", "Anjing"]),
    ],
)
def test_a_comparison_has_two_sides(question: str, parts: list[str]) -> None:
    assert decompose(question) == parts


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "When do cats sleep, and who makes honey?",
            ["When do cats sleep?", "Who makes honey?"],
        ),
        ("When do cats sleep? Who makes honey?", ["When do cats sleep?", "Who makes honey?"]),
        (
            "Siapa yang membuat madu dan kapan kucing tidur?",
            ["Siapa yang membuat madu?", "Kapan kucing tidur?"],
        ),
    ],
)
def test_two_questions_are_two_parts(question: str, parts: list[str]) -> None:
    assert decompose(question) == parts


@pytest.mark.parametrize(
    "question",
    [
        "When do cats sleep?",
        "What are the risks and uncertainties?",
        "Who founded Viaweb and when did he sell it?",
        "Siapa pendiri Viaweb dan kapan dia menjualnya?",
        "Compare bread and butter and jam and honey",
        "Cats.",
        "Compare",
        "?",
    ],
)
def test_what_cannot_be_told_apart_or_leans_on_what_is_before_stays_whole(question: str) -> None:
    assert decompose(question) == [question]


def test_a_part_is_searched_for_once_and_there_are_five_at_most() -> None:
    assert decompose("Who sleeps? Who sleeps?") == ["Who sleeps?"]
    many = " ".join(f"Who is number {n}?" for n in range(9))
    assert len(decompose(many)) == MAX_PARTS


def test_a_model_gets_the_question_and_its_lines_are_the_parts() -> None:
    [system, user] = prompt("Cats and dogs?")
    assert "one question a line" in (system.content or "")
    assert user.content == "Cats and dogs?"
    assert parts_of(["Cats?", "Dogs?", "Cats?"], "Cats and dogs?") == ["Cats?", "Dogs?"]
    assert parts_of([], "Cats and dogs?") == ["Cats and dogs?"]


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("What does the 10-K say about competition?", "competition"),
        ("What did the author write about Lisp?", "Lisp"),
        ("When do cats sleep?", "When do cats sleep?"),
    ],
)
def test_who_says_it_is_not_what_it_is_about(question: str, about: str) -> None:
    assert topic(question) == about
