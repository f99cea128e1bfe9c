"""Load a dataset in any of the formats."""

from pathlib import Path

from alir.errors import InvalidDataset
from alir.evaluation.beir import is_beir, load_beir
from alir.evaluation.dataset import Dataset
from alir.evaluation.questions_csv import load_questions
from alir.evaluation.smart import is_smart, load_smart


def load(
    path: Path, *, folder: Path, questions: Path | None = None, split: str | None = None
) -> Dataset:
    """Load the dataset in the folder `path`, and write its documents into `folder`.

    Args:
        questions: a CSV of questions about the files in `path`, which then is no dataset.
        split: which of BEIR's judgements.

    Raises:
        InputError: there is none, or a line of it is wrong.
    """
    if questions is not None:
        return load_questions(questions, documents=path)
    if is_beir(path):
        return load_beir(path, folder=folder, split=split)
    if is_smart(path):
        return load_smart(path, folder=folder)
    raise InvalidDataset(
        str(path),
        "there is neither a corpus.jsonl, as in BEIR, nor *.all* and *.qry, as in SMART",
        "Check the path, or name a CSV of questions about the files there with --questions.",
    )
