"""The format of the SMART system, as of Cranfield: records of `.I`, `.T`, `.W` and others."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from alir.errors import InvalidDataset
from alir.evaluation.dataset import Dataset, Document, bad_line, read_lines, write_dataset

DOCUMENTS, QUESTIONS, JUDGEMENTS = "*.all*", "*.qry", "*qrel*"
RULE = (
    "A document is relevant if its judgement code is 1, 2, 3 or 4, all of them alike (gain 1); -1, "
    "which stands once for each question of Cranfield, is not relevant. A judgement's question "
    "number counts the questions from 1 as they stand in the file; their own ids are passed over."
)


def is_smart(path: Path) -> bool:
    """Return whether the folder `path` holds a dataset in this format."""
    return any(path.glob(DOCUMENTS)) and any(path.glob(QUESTIONS))


def load_smart(path: Path, *, folder: Path) -> Dataset:
    """Read the dataset in `path`, and write its documents into `folder`.

    Raises:
        InputError: a file is missing, or a line is wrong.
    """
    documents = [
        Document(record.record_id, record.text("T"), record.text("W"))
        for record in _records(_only_file(path, DOCUMENTS))
    ]
    questions = {
        str(number): " ".join(record.text("W").split())
        for number, record in enumerate(_records(_only_file(path, QUESTIONS)), start=1)
    }
    return write_dataset(
        path.resolve().name,
        documents,
        folder=folder,
        questions=questions,
        judgements=_judgements(_only_file(path, JUDGEMENTS), questions),
        rule=RULE,
    )


@dataclass(frozen=True, slots=True)
class _Record:
    record_id: str
    fields: dict[str, list[str]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return "\n".join(self.fields.get(name, [])).strip()


def _records(path: Path) -> Iterator[_Record]:
    seen: set[str] = set()
    record: _Record | None = None
    name = ""
    for number, line in enumerate(read_lines(path), start=1):
        if line.startswith(".I"):
            record_id = line[2:].strip()
            if not record_id or record_id in seen:
                problem = f"the id {record_id!r} was there before" if record_id else "no id follows"
                raise bad_line(path, number, problem, "Give each record an id of its own.")
            if record is not None:
                yield record
            seen.add(record_id)
            record, name = _Record(record_id), ""
        elif len(line.rstrip()) == 2 and line[0] == "." and line[1].isupper() and record:
            name = line[1]
            record.fields.setdefault(name, [])
        elif record is not None and name:
            record.fields[name].append(line)
        elif line.strip():
            raise bad_line(path, number, "this belongs to no record", "Begin with .I and an id.")
    if record is None:
        raise InvalidDataset(str(path), "there is no record in it", "Check that it is the file.")
    yield record


def _only_file(path: Path, pattern: str) -> Path:
    found = sorted(path.glob(pattern))
    if len(found) != 1:
        many = f"{len(found)} files are named {pattern}" if found else f"no file is named {pattern}"
        raise InvalidDataset(str(path), many, "Leave exactly one there.")
    return found[0]


def _judgements(path: Path, questions: dict[str, str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 3 or not all(one.lstrip("-").isdecimal() for one in fields):
            remedy = "Write the question's number, the document's id and the code."
            raise bad_line(path, number, "this is no judgement", remedy)
        question, document, code = fields
        if question not in questions:
            remedy = "Correct the number; the questions are counted as they stand in the file."
            problem = f"there are {len(questions)} questions, and none is number {question}"
            raise bad_line(path, number, problem, remedy)
        found.setdefault(question, {})[document] = int(1 <= int(code) <= 4)
    if not found:
        raise InvalidDataset(str(path), "there is no judgement in it", "Add some.")
    return found
