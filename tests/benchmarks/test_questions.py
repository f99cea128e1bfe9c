"""Questions for a corpus: from a file, or made of its sentences."""

from pathlib import Path

from benchmarks.questions import from_file, from_texts

TEXTS = [
    "The port of Lund has no water, and no ship has ever been there. Short. "
    "Its mayor, who was elected twice, is a horse of some renown."
]


def test_a_file_has_a_question_on_each_line(tmp_path: Path) -> None:
    file = tmp_path / "questions.txt"
    file.write_text("Who is the mayor?\n\n  Where is   Lund?\n")

    assert from_file(file) == ["Who is the mayor?", "Where is Lund?"]


def test_a_file_in_the_format_of_cranfield_has_a_question_in_each_record(tmp_path: Path) -> None:
    file = tmp_path / "cran.qry"
    file.write_text(".I 001\n.W\nwhat similarity laws\nhold .\n.I 002\n.W\nwhich wing .\n")

    assert from_file(file) == ["what similarity laws hold .", "which wing ."]


def test_blank_lines_are_no_questions(tmp_path: Path) -> None:
    file = tmp_path / "empty.txt"
    file.write_text("\n \n")

    assert from_file(file) == []


def test_questions_made_of_sentences_are_the_same_every_time() -> None:
    found = from_texts(TEXTS, 5)

    assert found == from_texts(list(TEXTS), 5)
    assert sorted(found) == [
        "What about Its mayor, who was elected twice, is a horse of some renown?",
        "What about The port of Lund has no water, and no ship has ever?",
    ]
    assert len(from_texts(TEXTS, 1)) == 1
