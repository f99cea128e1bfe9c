"""A dataset of any documents and a CSV of `question,file,passage`, the places of the answers."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llama_index.core.schema import BaseNode, TextNode

from alir.documents import formats
from alir.errors import InvalidDataset
from alir.evaluation.dataset import Dataset, bad_line, read_lines
from alir.models.answers import Span

HEADER = ["question", "file", "passage"]
COVERED = 0.5
"""Share of a passage's characters that a chunk must hold: a passage may be cut in two."""
RULE = (
    "A chunk answers a question if it holds at least half of the characters of an expected "
    "passage; white space in a passage matches any other."
)


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One row of the file: a question, and one place of its answer or none."""

    line: int
    question: str
    file: str
    passage: str

    @property
    def is_answerable(self) -> bool:
        """Whether the documents answer it."""
        return bool(self.file)


@dataclass(frozen=True, slots=True)
class _Passage:
    unit: str
    path: str
    spans: tuple[Span, ...]
    """All its places in the file."""


def rows(path: Path) -> Iterator[QuestionRow]:
    """Yield the rows of the file at `path`; of unanswerable questions file and passage are empty.

    Raises:
        InputError: it does not exist, or a line is wrong.
    """
    reader = csv.reader(line + "\n" for line in read_lines(path))
    header = next(reader, None)
    if header is None or [name.strip() for name in header] != HEADER:
        raise bad_line(path, 1, "this is not the head of the table", f"Write {','.join(HEADER)}.")
    for fields in reader:
        if not any(field.strip() for field in fields):
            continue
        number = reader.line_num
        if len(fields) != len(HEADER):
            remedy = 'Put what has a comma into "quotation marks".'
            raise bad_line(path, number, f"it has {len(fields)} fields, not 3", remedy)
        question, file, passage = (field.strip() for field in fields)
        if not question:
            raise bad_line(path, number, "the question is empty", "Write one, or remove the line.")
        if bool(file) != bool(passage):
            missing = "passage" if file else "file"
            remedy = "Give both, or neither for a question that the documents do not answer."
            raise bad_line(path, number, f"the {missing} is empty", remedy)
        yield QuestionRow(number, question, file, passage)


def load_questions(questions: Path, *, documents: Path) -> Dataset:
    """Read the file `questions`, about the documents in the folder `documents`.

    Raises:
        InputError: a file cannot be read, or a line is wrong.
    """
    asked: dict[str, str] = {}
    expected: dict[str, list[_Passage]] = {}
    texts: dict[Path, str] = {}
    unanswerable = set()
    for row in rows(questions):
        if not row.is_answerable:
            unanswerable.add(row.question)
            continue
        passage = _located(row, questions, documents, texts)
        # A question without an id is its own id.
        asked[row.question] = row.question
        expected.setdefault(row.question, []).append(passage)
    if not asked:
        raise InvalidDataset(str(questions), "no question in it has an answer", "Add some.")

    def units(question: str, node: BaseNode) -> list[str]:
        found = [one.unit for one in expected[question] if _covers(node, one)]
        return found or [node.node_id]

    notes = [f"Questions without an answer, which were not asked: {len(unanswerable)}."]
    return Dataset(
        questions.stem,
        [documents.resolve()],
        len(texts),
        asked,
        {question: {one.unit: 1 for one in found} for question, found in expected.items()},
        units,
        RULE,
        notes if unanswerable else (),
    )


def _located(
    row: QuestionRow, questions: Path, documents: Path, texts: dict[Path, str]
) -> _Passage:
    path = (documents / row.file).resolve()
    if not path.is_relative_to(documents.resolve()) or not path.is_file():
        problem = f"there is no file {row.file!r} in {documents}"
        remedy = "Write its path from the folder that is evaluated."
        raise bad_line(questions, row.line, problem, remedy)
    if path not in texts:
        texts[path] = formats.document_text(path)
    words = r"\s+".join(map(re.escape, row.passage.split()))
    spans = tuple(Span(*match.span()) for match in re.finditer(words, texts[path]))
    if not spans:
        remedy = (
            "Copy it from the file; alir reads it as `alir.documents.formats.document_text` says."
        )
        problem = f"the passage does not stand in {row.file}"
        raise bad_line(questions, row.line, problem, remedy)
    return _Passage(f"{row.file}, line {row.line}", str(path), spans)


def _covers(node: BaseNode, passage: _Passage) -> bool:
    if not isinstance(node, TextNode) or node.metadata["file_path"] != passage.path:
        return False
    start, end = node.start_char_idx or 0, node.end_char_idx or 0
    return any(
        min(end, span.end) - max(start, span.start) >= COVERED * (span.end - span.start)
        for span in passage.spans
    )
