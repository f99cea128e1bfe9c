"""An evaluation dataset: documents, questions, and judgements of which answers which."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from llama_index.core.schema import BaseNode

from alir.errors import InvalidDataset, UnreadableFile

Judgements = Mapping[str, Mapping[str, int]]
"""Question id to the units judged for it, each with its gain; more than 0 is relevant.

A unit is a document, or a passage."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a dataset."""

    doc_id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset, its documents in files."""

    __test__: ClassVar = False  # pytest takes it for a class of tests

    name: str
    files: Sequence[Path]
    """Files and folders to ingest."""
    documents: int
    questions: Mapping[str, str]
    """Question id to text, only of questions with a relevant unit."""
    judgements: Judgements
    units: Callable[[str, BaseNode], Sequence[str]]
    """Return the units that a chunk is of, for a question id."""
    rule: str
    """What counts as relevant, in a sentence or two."""
    notes: Sequence[str] = ()


def write_dataset(
    name: str,
    documents: Iterable[Document],
    *,
    folder: Path,
    questions: Mapping[str, str],
    judgements: Judgements,
    rule: str,
) -> Dataset:
    """Write `documents` as files below `folder`: title, blank line, text.

    Leaves out documents without text, and questions without a relevant document.
    """
    names: dict[str, str] = {}
    empty = 0
    for number, document in enumerate(documents, start=1):
        # A text of Cranfield begins with its title already.
        repeats = document.text.split()[: len(document.title.split())] == document.title.split()
        content = (document.text if repeats else f"{document.title}\n\n{document.text}").strip()
        if not content:
            empty += 1
            continue
        path = folder / f"{number:07}.txt"
        path.write_text(content, encoding="utf-8")
        names[path.name] = document.doc_id

    def units(_: str, node: BaseNode) -> list[str]:
        return [names[str(node.metadata["file_name"])]]

    known = set(names.values())
    unknown = {doc for judged in judgements.values() for doc in judged} - known
    notes = []
    if empty:
        notes.append(f"Documents without text, which were left out: {empty}.")
    if unknown:
        notes.append(f"Judged documents that are not there and count as missed: {len(unknown)}.")
    asked, judged = answerable(questions, judgements)
    return Dataset(name, [folder], len(names), asked, judged, units, rule, notes)


def answerable(
    questions: Mapping[str, str], judgements: Judgements
) -> tuple[dict[str, str], dict[str, Mapping[str, int]]]:
    """Return the questions with a relevant unit, and their judgements."""
    judged = {
        question: gains
        for question, gains in judgements.items()
        if any(gain > 0 for gain in gains.values())
    }
    return {question: questions[question] for question in judged}, judged


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file.

    Raises:
        UnreadableFile: it does not exist, or is not UTF-8.
    """
    try:
        # splitlines() would also cut at characters that JSON may hold.
        return path.read_text("utf-8-sig").rstrip("\n").split("\n")
    except OSError as error:
        raise UnreadableFile(path, f"{error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(path, "is not UTF-8 text; save it as that") from error


def bad_line(path: Path, line: int, problem: str, remedy: str) -> InvalidDataset:
    """Return the error of the line with this number; the first is 1."""
    return InvalidDataset(f"{path}, line {line}", problem, remedy)
