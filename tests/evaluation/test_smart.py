"""SMART's format, Cranfield's: records, questions counted in order, and codes."""

import re
from collections import Counter
from pathlib import Path

import pytest
from llama_index.core.schema import TextNode

from alir.errors import InputError
from alir.evaluation.dataset import Dataset
from alir.evaluation.load import load
from tests.shared_data import CRANFIELD, needs_cranfield

DOCUMENTS = """.I 1
.T
wings in a stream .
.A
brenckman,m.
.W
wings in a stream .
  a wing is lifted .
.I 2
.T
heat in slabs
.W
a slab is warm .
.I 3
.T
.W
"""
QUESTIONS = ".I 001\r\n.W\r\nwhat lifts\r\na wing .\r\n.I 004\r\n.W\r\nwhat is warm .\r\n"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def loaded(
    desk: Path,
    *,
    documents: str = DOCUMENTS,
    questions: str = QUESTIONS,
    judgements: str = "1 1 2 \n1 2 -1\n2 2  4\n",
) -> Dataset:
    folder = desk.parent / "cran"
    folder.mkdir()
    (folder / "cran.all.3").write_bytes(documents.encode())
    (folder / "cran.qry").write_bytes(questions.encode())
    (folder / "cranqrel").write_text(judgements)
    return load(folder, folder=desk)


def test_a_document_is_its_title_and_its_text_and_a_repeated_title_stands_once(
    desk: Path,
) -> None:
    judged = loaded(desk)

    texts = [path.read_text() for path in sorted(desk.iterdir())]
    assert texts == [
        "wings in a stream .\n  a wing is lifted .",
        "heat in slabs\n\na slab is warm .",
    ]
    assert judged.documents == 2
    assert judged.notes == ["Documents without text, which were left out: 1."]
    assert judged.units("1", TextNode(metadata={"file_name": "0000002.txt"})) == ["2"]


def test_judgements_number_the_questions_as_they_stand_and_codes_1_to_4_are_relevant(
    desk: Path,
) -> None:
    judged = loaded(desk)

    assert judged.questions == {"1": "what lifts a wing .", "2": "what is warm ."}
    assert judged.judgements == {"1": {"1": 1, "2": 0}, "2": {"2": 1}}
    assert "1, 2, 3 or 4" in judged.rule


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"documents": "words\n"}, "cran.all.3, line 1: this belongs to no record. Begin with .I"),
        ({"documents": ".I\n.W\n"}, "cran.all.3, line 1: no id follows. Give each record an id"),
        ({"questions": ".I 1\n.W\na\n.I 1\n"}, "cran.qry, line 4: the id '1' was there before"),
        ({"questions": "\n"}, "cran.qry: there is no record in it. Check"),
        ({"judgements": "1 1\n"}, "cranqrel, line 1: this is no judgement. Write the question's"),
        (
            {"judgements": "1 1 1\n004 1 1\n"},
            "cranqrel, line 2: there are 2 questions, and none is number 004. Correct the number",
        ),
        ({"judgements": "\n"}, "cranqrel: there is no judgement in it. Add some."),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_what_to_do(
    desk: Path, wrong: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        loaded(desk, **wrong)


def test_two_files_that_may_be_meant_are_refused(desk: Path) -> None:
    (desk.parent / "cran").mkdir()
    for name in ("a.all", "b.all", "c.qry"):
        (desk.parent / "cran" / name).write_text(".I 1\n.W\na\n")

    with pytest.raises(InputError, match=r"2 files are named \*\.all\*\. Leave exactly one"):
        load(desk.parent / "cran", folder=desk)


@needs_cranfield
def test_the_whole_of_cranfield_is_read(desk: Path) -> None:
    judged = load(CRANFIELD, folder=desk)

    gains = Counter(gain for of in judged.judgements.values() for gain in of.values())
    assert len(judged.questions) == 225
    assert len(set(judged.questions.values())) == 225
    assert gains[1] == 128 + 387 + 734 + 363
    assert judged.documents + 2 == 1400
    # The last judgement is of the 225th question, whose own id is 365.
    assert judged.judgements["225"]["1188"] == 0
