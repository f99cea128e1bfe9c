"""The open sentence: its end, as soon as it is known, and what can be shown before."""

import pytest

from alir.steps.ask.text.open_sentence import LONG_CHARS, MAX_CHARS, REACH_CHARS, OpenSentence


def written(text: str) -> OpenSentence:
    sentence = OpenSentence()
    sentence.text = text
    return sentence


def end(text: str, *, final: bool = False) -> str | None:
    """The sentence that ends; None while its end is not known."""
    sentence = written(text)
    found = sentence.end(final=final)
    return text[:found] if found else None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Birds fly. C", "Birds fly."),
        ("Birds fly.", None),
        ("Birds fly. ", None),
        ("Birds fly. [1", None),
        ("Birds fly. [1] C", "Birds fly. [1]"),
        ("Birds fly.\n[1]\nCats", "Birds fly.\n[1]"),
        ("Birds number 3.5 ", None),
        ("Birds fly. cats sleep", None),
        ("Mr. Bird", None),
        ("`Birds. Cats` sleep. D", "`Birds. Cats` sleep."),
        ("`Birds. Cats", None),
        ("`Birds. Cats\nD", "`Birds."),
        ("鸟。C", "鸟。"),
        ("a\nb", "a"),
    ],
)
def test_it_ends_at_a_stop_with_the_numbers_behind(text: str, sentence: str | None) -> None:
    assert end(text) == sentence
    streamed = OpenSentence()
    found = 0
    for letter in text:
        streamed.text += letter
        found = found or streamed.end(final=False)
    assert (text[:found] if found else None) == sentence


def test_what_is_left_is_a_sentence_when_the_text_has_ended() -> None:
    assert end("Birds fly ", final=True) == "Birds fly"
    assert end("`Birds. Cats", final=True) == "`Birds."


def test_a_long_one_ends_at_the_next_white_space() -> None:
    words = "words and " * (LONG_CHARS // 10 + 5)

    assert end(words) == words[: LONG_CHARS + 5]
    assert end(words[: LONG_CHARS + 5] + " [1] " + words) == words[: LONG_CHARS + 5] + " [1]"


def test_a_word_without_end_is_cut() -> None:
    assert end("a" * MAX_CHARS) is None
    assert end("a" * (MAX_CHARS + 1)) == "a" * MAX_CHARS


def test_a_word_is_not_cut_inside_of_a_source_number() -> None:
    text = "a" * (MAX_CHARS - 2) + "[1,2,3] Birds"

    assert end(text) == "a" * (MAX_CHARS - 2)


def test_code_that_is_not_closed_does_not_keep_a_sentence_open_for_ever() -> None:
    assert end("Birds `fly. Cats " + "sleep " * LONG_CHARS) == "Birds `fly."


def test_numbers_far_behind_a_stop_are_not_its_own() -> None:
    assert end("Birds fly." + " " * REACH_CHARS + "[1] C") == "Birds fly."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Birds fly", "Birds fly"),
        ("Birds fly ", "Birds fly"),
        ("Birds fly [1] south", "Birds fly"),
        ("Birds fly [", "Birds fly"),
        ("Birds fly [a] [1", "Birds fly [a]"),
        ("Birds `fly south", "Birds `fly south"),
        ("Birds `fly. Cats", "Birds `fly"),
        ("Birds `fly. Cats` sleep", "Birds `fly. Cats` sleep"),
    ],
)
def test_it_is_shown_up_to_a_number_or_a_stop_in_doubt(text: str, shown: str) -> None:
    sentence = written(text)

    assert sentence.end(final=False) == 0
    assert text[: sentence.showable()] == shown
