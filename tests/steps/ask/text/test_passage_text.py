"""The text of a passage: what is looked for in it."""

from alir.models.answers import Span
from alir.steps.ask.text.passage_text import PassageText, numbers

BIRDS = "Birds fly south in winter. Fish swim 1,500 miles deep."


def test_the_sentence_that_has_most_of_the_words_is_found() -> None:
    passage = PassageText(BIRDS)

    assert passage.most_alike({"fish", "deep", "bird"}) == (Span(27, 54), 2 / 3)
    assert passage.most_alike({"profit"}) == passage.most_alike(set()) == (None, 0.0)


def test_numbers_are_the_same_with_and_without_commas_of_thousands() -> None:
    assert PassageText(BIRDS).numbers == numbers("1500") == {"1500"}
    assert numbers("3.5, 7. and 1,2") == {"3.5", "7", "12"}


def test_what_is_prepared_is_not_made_again() -> None:
    passage = PassageText(BIRDS)

    passage.prepare()

    assert passage.__dict__.keys() >= {"sentences", "words", "numbers", "normalized"}
    assert passage.normalized.find("fly south") == Span(6, 15)
