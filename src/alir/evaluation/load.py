"""Load a test collection, in whichever of the formats it is."""

from pathlib import Path

from alir.errors import InvalidTestSet
from alir.evaluation.beir import is_beir, load_beir
from alir.evaluation.judged import TestCollection
from alir.evaluation.questions_csv import load_questions
from alir.evaluation.smart import is_smart, load_smart


def load(
    path: Path, *, folder: Path, questions: Path | None = None, split: str | None = None
) -> TestCollection:
    """Load the collection at the folder `path`; documents that are not files go into `folder`.

    Args:
        questions: a CSV of questions of the files at `path`, which is then no collection.
        split: which of BEIR's judgements.

    Raises:
        InputError: there is none, or a line of it is not what it should be.
    """
    if questions is not None:
        return load_questions(questions, documents=path)
    if is_beir(path):
        return load_beir(path, folder=folder, split=split)
    if is_smart(path):
        return load_smart(path, folder=folder)
    raise InvalidTestSet(
        str(path),
        "there is neither a corpus.jsonl, as BEIR has it, nor *.all* and *.qry, as SMART has them",
        "Check the path, or name a CSV of questions about the files there with --questions.",
    )
