"""A dataset's documents as files, its questions, and the errors of a line."""

from pathlib import Path

import pytest
from llama_index.core.schema import TextNode

from alir.errors import UnreadableFile
from alir.evaluation.dataset import (
    Document,
    answerable,
    bad_line,
    read_lines,
    write_dataset,
)


def test_documents_become_files_and_a_chunk_knows_its_document(tmp_path: Path) -> None:
    documents = [
        Document("cats", "Cats", "They sleep."),
        Document("none", "", " "),
        Document("dogs", "Dogs bark", "Dogs bark at night."),
    ]

    dataset = write_dataset(
        "small",
        documents,
        folder=tmp_path,
        questions={"q1": "Who sleeps?", "q2": "Who swims?"},
        judgements={"q1": {"cats": 1, "fish": 1}, "q2": {"dogs": 0}},
        rule="1 is relevant.",
    )

    texts = [path.read_text() for path in sorted(tmp_path.iterdir())]
    assert texts == ["Cats\n\nThey sleep.", "Dogs bark at night."]
    assert (dataset.documents, dataset.questions) == (2, {"q1": "Who sleeps?"})
    chunk = TextNode(text="sleep", metadata={"file_name": "0000001.txt"})
    assert dataset.units("q1", chunk) == ["cats"]
    assert dataset.notes == [
        "Documents without text, which were left out: 1.",
        "Judged documents that are not there and count as missed: 1.",
    ]


def test_a_question_without_a_relevant_unit_is_not_asked() -> None:
    asked, judged = answerable({"a": "A?", "b": "B?"}, {"a": {"x": 2}, "b": {"x": 0}})

    assert (asked, judged) == ({"a": "A?"}, {"a": {"x": 2}})


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeffone\u2028still one\ntwo\n\n".encode())

    assert read_lines(path) == ["one\u2028still one", "two"]


@pytest.mark.parametrize(("content", "said"), [(None, "check the path"), (b"\xff\xfe!", "UTF-8")])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "lines.txt"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UnreadableFile, match=said):
        read_lines(path)


def test_the_error_of_a_line_names_file_and_line() -> None:
    error = bad_line(Path("q.csv"), 3, "the question is empty", "Write one.")

    assert str(error) == "q.csv, line 3: the question is empty. Write one."
