"""Claims: how often the check of support judges a sentence rightly."""

from pathlib import Path

import pytest

from alir.errors import InvalidDataset
from alir.evaluation.claims import JudgedClaim, evaluate_claims, load_claims
from alir.evaluation.outcomes import load
from alir.testing import HashEmbedding


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes.txt").write_text("Dogs bark.\n\nCats  sleep\nall day. Bees hum. ")
    (tmp_path / "other.txt").write_text("Bees make honey in summer.")
    return tmp_path


def questions(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "questions.csv"
    path.write_text("\n".join(["question,file,passage", *rows]))
    return path


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["sentence,verdict"], r"line 1: the head is wrong\. Begin with sentence,question,"),
        (["sentence,question,is_supported", "Cats.,Who?,yes"], "line 2: no answerable question"),
        (["sentence,question,is_supported", "Cats.,Cats?,maybe"], "'maybe' is no verdict"),
    ],
)
def test_claims_that_are_not_what_they_should_be_are_refused(
    rows: list[str], said: str, folder: Path, tmp_path: Path
) -> None:
    judged = load(questions(tmp_path, "Cats?,notes.txt,Cats sleep all day."), documents=folder)
    claims = tmp_path / "claims.csv"
    claims.write_text("\n".join(rows))

    with pytest.raises(InvalidDataset, match=said):
        load_claims(claims, judged)


async def test_a_claim_is_marked_or_passed_rightly_or_not() -> None:
    text = "Cats sleep all day. Dogs bark at night."
    claims = [
        JudgedClaim("Cats sleep all day.", text, is_supported=True),
        JudgedClaim("Elephants repair bicycles.", text, is_supported=False),
        JudgedClaim("Zebras study law in Rome.", text, is_supported=True),
        JudgedClaim("Dogs bark at night.", text, is_supported=False),
    ]

    of = await evaluate_claims(claims, embedding=HashEmbedding(dim=64))

    assert (of.supported, of.unsupported) == (2, 2)
    assert (of.false_marks, of.false_passes) == (1 / 2, 1 / 2)
