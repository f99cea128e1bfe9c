"""A user's own questions: which chunk answers one, and what is said of a row that is wrong."""

import re
from pathlib import Path

import pytest
from llama_index.core.schema import TextNode

from alir.errors import InputError
from alir.evaluation.load import load
from alir.evaluation.questions_csv import QuestionRow, rows

TEXT = "Cats sleep most of the\nday. They hunt at night. Cats sleep most of the day again.\n"
HEADER = "question,file,passage\n"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "cats.txt").write_text(TEXT)
    (folder / "dogs.txt").write_text("Dogs bark.")
    (tmp_path / "secret.txt").write_text("A secret.")
    return folder


def questions(docs: Path, content: str) -> Path:
    file = docs.parent / "mine.csv"
    file.write_text(content, "utf-8")
    return file


def chunk(docs: Path, name: str, start: int, end: int) -> TextNode:
    path = docs.resolve() / name
    text = path.read_text()[start:end]
    metadata = {"file_path": str(path)}
    return TextNode(
        id_=f"{name}:{start}", text=text, start_char_idx=start, end_char_idx=end, metadata=metadata
    )


def test_rows_are_questions_with_a_place_or_with_none(docs: Path) -> None:
    file = questions(
        docs, HEADER + 'Why?,in/cats.txt,"Cats, they say"\n\n"Who, then?",,\nWhy?,dogs.txt,Dogs\n'
    )

    found = list(rows(file))

    assert found == [
        QuestionRow(2, "Why?", "in/cats.txt", "Cats, they say"),
        QuestionRow(4, "Who, then?", "", ""),
        QuestionRow(5, "Why?", "dogs.txt", "Dogs"),
    ]
    assert [row.is_answerable for row in found] == [True, False, True]


def test_a_chunk_answers_if_it_holds_half_of_a_passage_wherever_that_stands(docs: Path) -> None:
    file = questions(docs, HEADER + "When?,in/cats.txt,sleep most of  the day\nWho?,,\n")
    judged = load(docs, folder=docs, questions=file)

    [(question, gains)] = judged.judgements.items()
    [passage] = gains
    first = TEXT.index("sleep most of the\nday")
    length = len("sleep most of the day")
    again = TEXT.index("sleep most of the day")

    def answers(name: str, start: int, end: int) -> bool:
        return judged.units(question, chunk(docs, name, start, end)) == [passage]

    assert judged.questions == {"When?": "When?"}
    assert gains == {passage: 1}
    assert answers("in/cats.txt", first, first + length)
    assert answers("in/cats.txt", first + length // 2, first + length)
    assert not answers("in/cats.txt", first + length // 2 + 1, first + length)
    assert answers("in/cats.txt", again, len(TEXT))
    assert not answers("dogs.txt", 0, 10)
    assert judged.units(question, chunk(docs, "dogs.txt", 0, 10)) == ["dogs.txt:0"]
    assert judged.notes == ["Questions without an answer, which were not asked: 1."]


def test_a_question_may_have_several_passages(docs: Path) -> None:
    file = questions(docs, HEADER + "Who?,in/cats.txt,They hunt\nWho?,dogs.txt,Dogs bark.\n")

    judged = load(docs, folder=docs, questions=file)

    assert len(judged.judgements["Who?"]) == 2
    [of_dogs] = judged.units("Who?", chunk(docs, "dogs.txt", 0, 10))
    assert judged.judgements["Who?"][of_dogs] == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: this is not the head of the table. Write question,file,passage."),
        ("question;file;passage\n", "line 1: this is not the head of the table"),
        (HEADER + "Why?,a.txt,one, two\n", "line 2: it has 4 fields, not 3. Put what has a comma"),
        (HEADER + ",dogs.txt,Dogs\n", "line 2: the question is empty. Write one"),
        (HEADER + "Why?,dogs.txt,\n", "line 2: the passage is empty. Give both"),
        (HEADER + "Why?,,Dogs\n", "line 2: the file is empty. Give both"),
        (HEADER + "Why?,cats.txt,Cats\n", "line 2: there is no file 'cats.txt' in"),
        (HEADER + "Why?,../secret.txt,A secret\n", "line 2: there is no file '../secret.txt' in"),
        (HEADER + "\nWhy?,dogs.txt,Cats\n", "line 3: the passage does not stand in dogs.txt. Copy"),
        (HEADER + "Why?,,\n", "mine.csv: no question in it has an answer. Add some."),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_what_to_do(
    docs: Path, content: str, said: str
) -> None:
    file = questions(docs, content)

    with pytest.raises(InputError, match=re.escape(said)) as refused:
        load(docs, folder=docs, questions=file)
    assert "mine.csv" in str(refused.value)
