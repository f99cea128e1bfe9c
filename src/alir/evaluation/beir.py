"""BEIR's format: `corpus.jsonl`, `queries.jsonl`, `qrels/*.tsv` (Thakur et al., NeurIPS 2021)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alir.errors import InvalidDataset
from alir.evaluation.dataset import Dataset, Document, bad_line, read_lines, write_dataset

QRELS_COLUMNS = 3
RULE = "A document is relevant if its judgement is above 0, and its gain is the judgement."


def is_beir(path: Path) -> bool:
    """Return whether the folder `path` holds a collection in this format."""
    return (path / "corpus.jsonl").is_file()


def load_beir(path: Path, *, folder: Path, split: str | None = None) -> Dataset:
    """Read the collection at `path`, and write its documents into `folder`.

    Args:
        split: the name of a file of judgements; None is `test`, or the only one.

    Raises:
        InputError: a file is missing, or a line is not what it should be.
    """
    documents = [
        Document(one["_id"], str(one.get("title") or ""), one["text"])
        for one in _objects(path / "corpus.jsonl")
    ]
    questions = {one["_id"]: one["text"] for one in _objects(path / "queries.jsonl")}
    judgements = _judgements(_qrels(path, split), questions)
    return write_dataset(
        path.resolve().name,
        documents,
        folder=folder,
        questions=questions,
        judgements=judgements,
        rule=RULE,
    )


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    seen = set()
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:
            raise bad_line(path, number, "this is not JSON", "Write one object a line.") from error
        if not isinstance(found, dict):
            raise bad_line(path, number, "this is not a JSON object", "Write one object a line.")
        for key in ("_id", "text"):
            if not isinstance(found.get(key), str):
                raise bad_line(path, number, f"it has no text {key!r}", f"Give it a {key!r}.")
        if found["_id"] in seen:
            raise bad_line(path, number, f"the id {found['_id']!r} was there before", "Remove one.")
        seen.add(found["_id"])
        yield found


def _qrels(path: Path, split: str | None) -> Path:
    files = {file.stem: file for file in sorted((path / "qrels").glob("*.tsv"))}
    chosen = split or ("test" if "test" in files or len(files) != 1 else next(iter(files)))
    if chosen not in files:
        there = f"there are {', '.join(files)}" if files else "there is no such file"
        remedy = "Choose one with --split." if files else "Put the judgements there."
        raise InvalidDataset(str(path / "qrels" / f"{chosen}.tsv"), there, remedy)
    return files[chosen]


def _judgements(path: Path, questions: dict[str, str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split("\t")
        if not line.strip() or (number == 1 and fields[0].strip() == "query-id"):
            continue
        if len(fields) != QRELS_COLUMNS or not fields[2].strip().lstrip("-").isdecimal():
            remedy = "Write the question's id, the document's id and a whole number, with tabs."
            raise bad_line(path, number, "this is no judgement", remedy)
        question, document, gain = (field.strip() for field in fields)
        if question not in questions:
            remedy = "Correct the id, or add the question to queries.jsonl."
            raise bad_line(path, number, f"there is no question {question!r}", remedy)
        found.setdefault(question, {})[document] = int(gain)
    if not found:
        raise InvalidDataset(str(path), "there is no judgement in it", "Add some.")
    return found
