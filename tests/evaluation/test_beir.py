"""BEIR's format: what becomes of each file, and what is said of a line that is wrong."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from llama_index.core.schema import TextNode

from alir.errors import InputError
from alir.evaluation.load import load

Beir = Callable[..., Path]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def test_documents_become_files_of_title_and_text_which_may_begin_with_it(
    beir: Beir, desk: Path
) -> None:
    judged = load(beir(), folder=desk)

    texts = {path.name: path.read_text() for path in desk.iterdir()}
    assert judged.files == [desk]
    assert judged.documents == len(texts) == 4
    assert texts["0000001.txt"] == "Cats sleep most of the day. They hunt at night."
    assert texts["0000003.txt"] == "Bees make honey. A hive has one queen."
    assert texts["0000004.txt"] == "Tea, green\n\nGreen tea is steeped for two minutes."
    chunk = TextNode(text="", metadata={"file_name": "0000004.txt"})
    assert judged.units("q1", chunk) == ["tea/green"]


def test_only_questions_with_something_relevant_are_asked(beir: Beir, desk: Path) -> None:
    judged = load(beir(qrels="q1\tcats\t0\nq2\tbees\t3\n"), folder=desk)

    assert judged.questions == {"q2": "Who makes honey?"}
    assert judged.judgements == {"q2": {"bees": 3}}


def test_empty_and_missing_documents_are_counted(beir: Beir, desk: Path) -> None:
    corpus = '{"_id": "a", "text": "words"}\n\n{"_id": "b", "title": "", "text": " "}\n'

    judged = load(beir(corpus=corpus, qrels="q1\ta\t1\nq1\tnowhere\t1\n"), folder=desk)

    assert judged.documents == 1
    assert judged.notes == [
        "Documents without text, which were left out: 1.",
        "Judged documents that are not there and count as missed: 1.",
    ]


def test_a_line_separator_inside_a_text_does_not_end_the_line(beir: Beir, desk: Path) -> None:
    corpus = '{"_id": "cats", "text": "one\u2028two"}\n'

    assert load(beir(corpus=corpus), folder=desk).documents == 1


def test_judgements_are_the_test_split_the_only_one_or_the_one_named(
    beir: Beir, desk: Path
) -> None:
    path = beir()
    (path / "qrels" / "dev.tsv").write_text("q3\tcats\t1\n")

    assert list(load(path, folder=desk).questions) == ["q1", "q2"]
    assert list(load(path, folder=desk, split="dev").questions) == ["q3"]
    with pytest.raises(InputError, match=r"train\.tsv: there are dev, test\. Choose .* --split"):
        load(path, folder=desk, split="train")
    (path / "qrels" / "test.tsv").unlink()
    assert list(load(path, folder=desk).questions) == ["q3"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"corpus": "{"}, "corpus.jsonl, line 1: this is not JSON. Write one object a line."),
        ({"corpus": "\n[]"}, "corpus.jsonl, line 2: this is not a JSON object"),
        ({"corpus": '{"_id": "a"}'}, "corpus.jsonl, line 1: it has no text 'text'. Give it a"),
        (
            {"queries": '{"_id": "q", "text": "a"}\n{"_id": "q", "text": "b"}'},
            "queries.jsonl, line 2: the id 'q' was there before. Remove one.",
        ),
        ({"qrels": "q1 cats 1"}, "test.tsv, line 1: this is no judgement. Write the question's id"),
        ({"qrels": "q1\tcats\t1\nq1\tcats\tmuch"}, "test.tsv, line 2: this is no judgement"),
        ({"qrels": "q9\tcats\t1"}, "test.tsv, line 1: there is no question 'q9'. Correct the id"),
        ({"qrels": "query-id\tcorpus-id\tscore\n"}, "test.tsv: there is no judgement in it. Add"),
        ({"qrels": None}, "qrels/test.tsv: there is no such file. Put the judgements there."),
        ({"corpus": "\udcff"}, "corpus.jsonl: is not UTF-8 text; save it as that"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_what_to_do(
    beir: Beir, desk: Path, wrong: dict[str, str], said: str
) -> None:
    path = beir(**{name: "x" if text == "\udcff" else text for name, text in wrong.items()})
    if "\udcff" in wrong.values():
        (path / "corpus.jsonl").write_bytes(b"\xff\xfe")

    with pytest.raises(InputError, match=re.escape(said)):
        load(path, folder=desk)


def test_a_file_that_is_not_there_is_named(beir: Beir, desk: Path) -> None:
    path = beir()
    (path / "queries.jsonl").unlink()

    with pytest.raises(InputError, match=r"queries\.jsonl: No such file or directory; check"):
        load(path, folder=desk)


def test_a_folder_in_no_format_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither a corpus\.jsonl.*with --questions"):
        load(tmp_path, folder=tmp_path)
