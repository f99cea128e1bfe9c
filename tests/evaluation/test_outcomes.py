"""The figures that sum up the outcomes of judged questions."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from alir.errors import InvalidDataset
from alir.evaluation.outcomes import (
    JudgedQuestion,
    Outcome,
    PassageSpan,
    figures,
    load,
)

A, B = PassageSpan("/a", 0, 100), PassageSpan("/b", 0, 100)


def outcome(
    *expected: PassageSpan, found: Sequence[PassageSpan] = (), cited: Sequence[PassageSpan] = ()
) -> Outcome:
    question = JudgedQuestion("?", expected)
    return Outcome(question, found=[*found], cited=[*cited], is_answered=bool(cited))


def test_the_figures_are_these() -> None:
    of = figures(
        [
            outcome(A, found=[B, A], cited=[A, B]),
            outcome(A, found=[A], cited=[PassageSpan("/a", 99, 120)]),
            outcome(A, B, found=[B]),
            outcome(B, found=[A] * 5 + [B], cited=[A]),
            outcome(found=[A], cited=[A]),
            outcome(found=[B]),
        ]
    )

    assert (of.answerable, of.unanswerable) == (4, 2)
    assert of.hit_at_5 == 3 / 4
    assert of.mrr == pytest.approx((1 / 2 + 1 + 1 + 1 / 6) / 4)
    assert of.false_not_answered == 1 / 4
    assert of.false_answered == 1 / 2
    assert of.citations == 4
    assert of.citation_precision == 2 / 4
    assert of.citation_recall == 2 / 4


def test_of_nothing_the_figures_are_nought() -> None:
    assert figures([]).mrr == figures([]).citation_precision == figures([]).false_answered == 0


def test_a_chunk_with_half_of_a_passage_counts_as_found_and_one_with_less_does_not() -> None:
    question = JudgedQuestion("?", (PassageSpan("/a", 100, 200),))

    assert question.is_found_in(PassageSpan("/a", 0, 150))
    assert not question.is_found_in(PassageSpan("/a", 0, 149))
    assert not question.is_found_in(PassageSpan("/b", 100, 200))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes.txt").write_text("Dogs bark.\n\nCats  sleep\nall day. Bees hum. ")
    (tmp_path / "other.txt").write_text("Bees make honey in summer.")
    return tmp_path


def questions(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "questions.csv"
    path.write_text("\n".join(["question,file,passage", *rows]))
    return path


def test_a_passage_is_found_whatever_its_white_space(folder: Path, tmp_path: Path) -> None:
    judged = load(questions(tmp_path, "Cats?,notes.txt,Cats sleep all day."), documents=folder)

    [question] = judged.questions
    [place] = question.expected
    assert judged.texts[place.file][place.start : place.end] == "Cats  sleep\nall day."


def test_a_passage_that_does_not_stand_in_its_file_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="Cats never sleep"):
        load(questions(tmp_path, "Cats?,notes.txt,Cats never sleep."), documents=folder)
