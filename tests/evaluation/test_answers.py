"""Answers to judged questions, asked of an index of a test's own."""

import json
from pathlib import Path

from alir import Alir, Settings
from alir.evaluation.answers import AnswerOptions, evaluate_answers
from alir.evaluation.claims import JudgedClaim
from alir.evaluation.outcomes import load
from alir.testing import HashEmbedding


def questions(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "questions.csv"
    path.write_text("\n".join(["question,file,passage", *rows]))
    return path


async def test_every_question_is_asked_and_every_citation_looked_up(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "notes.txt").write_text("Dogs bark at night. Cats sleep all day.")
    asked = questions(
        tmp_path,
        "When do cats sleep?,notes.txt,Cats sleep all day.",
        "When do dogs bark?,notes.txt,Dogs bark at night.",
        "Who repairs bicycles?,,",
    )
    judged = load(asked, documents=documents)
    settings = Settings.load(milvus_uri=str(tmp_path / "a.db"), ledger=tmp_path / "ledger")
    claims = [JudgedClaim("Cats sleep all day.", "Cats sleep all day.", is_supported=True)]
    async with Alir(settings, embedding=HashEmbedding(dim=64)) as app:
        await app.ingest.run(paths=[documents])

        report = await evaluate_answers(app, AnswerOptions(judged, claims))

    assert report.figures.hit_at_5 == report.figures.mrr == 1
    assert (report.figures.answerable, report.figures.unanswerable) == (2, 1)
    assert report.citations_shown == report.citations_verified >= 2
    assert (report.missed, report.invented) == ([], [])
    assert json.loads(json.dumps(report.to_json()))["figures"]["citation_recall"] == 1
