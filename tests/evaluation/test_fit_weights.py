"""The weights of extractive answers, chosen on one half and measured on the other."""

import pytest

from alir.evaluation.fit_weights import GRID, best, fit, worth
from alir.evaluation.outcomes import JudgedQuestion, Outcome, PassageSpan
from alir.models.answers import SourcePassage
from alir.testing import HashEmbedding

CATS = "Cats sleep all day."
DOGS = "Dogs bark at night."


def judged(
    text: str, *expected: PassageSpan, passage: str
) -> tuple[JudgedQuestion, list[SourcePassage], list[PassageSpan]]:
    source = SourcePassage(file="/notes", page=None, text=passage, score=1.0)
    return JudgedQuestion(text, expected), [source], [PassageSpan("/notes", 0, len(passage))]


async def test_weights_are_found_that_answer_what_the_passages_answer_and_nothing_else() -> None:
    asked = [
        judged("When do cats sleep?", PassageSpan("/notes", 0, len(CATS)), passage=CATS),
        judged("When do dogs bark?", PassageSpan("/notes", 0, len(DOGS)), passage=DOGS),
        judged("Who repairs bicycles?", passage=CATS),
        judged("Who is the king of Spain?", passage=DOGS),
    ]

    fitted = await fit(asked, embedding=HashEmbedding(dim=256))

    assert (fitted.figures.answerable, fitted.figures.unanswerable) == (2, 2)
    assert fitted.figures.false_not_answered == fitted.figures.false_answered == 0
    assert fitted.figures.citation_recall == fitted.figures.citation_precision == 1
    assert fitted.weights.words in {one.words for one in GRID}


def test_without_a_question_any_weights_are_as_good() -> None:
    assert best([]) is not None


def test_an_answer_wrongly_withheld_is_worse_than_one_wrongly_given() -> None:
    place = PassageSpan("/notes", 0, 10)
    yes, no = JudgedQuestion("?", (place,)), JudgedQuestion("?")
    right = [
        Outcome(yes, [place], [place], is_answered=True),
        Outcome(no, [place], [], is_answered=False),
    ]
    withheld = [Outcome(yes, [place], [], is_answered=False), right[1]]
    given = [right[0], Outcome(no, [place], [place], is_answered=True)]

    assert worth(withheld) < worth(given) < worth(right)
    assert worth(right) == pytest.approx(1)
