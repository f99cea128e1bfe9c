"""Small test collections, written to a folder of the test's own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Beir = Callable[..., Path]

DOCUMENTS = {
    "cats": ("Cats", "Cats sleep most of the day. They hunt at night."),
    "dogs": ("Dogs", "Dogs bark at strangers. Dogs love their owners."),
    "bees": ("", "Bees make honey. A hive has one queen."),
    "tea/green": ("Tea, green", "Green tea is steeped for two minutes."),
}
QUESTIONS = {
    "q1": "When do cats sleep?",
    "q2": "Who makes honey?",
    "q3": "Nobody judged this.",
}
QRELS = "query-id\tcorpus-id\tscore\nq1\tcats\t2\nq1\tdogs\t0\nq2\tbees\t1\n"


@pytest.fixture
def beir(tmp_path: Path) -> Beir:
    """Write a collection in BEIR's format, with what is given in place of its own."""

    def write(
        *, corpus: str | None = None, queries: str | None = None, qrels: str | None = QRELS
    ) -> Path:
        folder = tmp_path / "small"
        (folder / "qrels").mkdir(parents=True)
        documents = [
            {"_id": name, "title": title, "text": text} for name, (title, text) in DOCUMENTS.items()
        ]
        questions = [{"_id": name, "text": text} for name, text in QUESTIONS.items()]
        written = {
            "corpus.jsonl": corpus or "\n".join(map(json.dumps, documents)),
            "queries.jsonl": queries or "\n".join(map(json.dumps, questions)),
            "qrels/test.tsv": qrels,
        }
        for name, content in written.items():
            if content is not None:
                (folder / name).write_text(content, "utf-8")
        return folder

    return write
