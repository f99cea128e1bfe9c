"""Answers: how often they are right, wrongly given and wrongly withheld, on judged questions.

    python -m alir.evaluation.answers FOLDER QUESTIONS.csv [--claims CLAIMS.csv] [--sweep] [--json]

QUESTIONS.csv has the columns question, file (below FOLDER) and passage: a verbatim stretch of the
file that answers, white space aside. Rows may share a question; one without a file and a passage
has no answer in the documents.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alir.app import Alir
from alir.evaluation.claims import ClaimFigures, JudgedClaim, evaluate_claims, load_claims
from alir.evaluation.outcomes import Figures, Judged, JudgedQuestion, Outcome, Place, figures, load
from alir.evaluation.sweep import Fitted, fit
from alir.events import Answer
from alir.settings import Settings
from alir.steps.synthesize import NOT_ANSWERED


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """The figures of a set of questions."""

    figures: Figures
    citations_shown: int
    """In all answers, also to questions without one."""
    citations_verified: int
    """Those whose quote stands in the file, to the character."""
    fitted: Fitted | None
    """What other weights would do; None if that was not asked for."""
    claims: ClaimFigures | None
    """How support is judged; None without claims."""
    missed: Sequence[str]
    """Answerable questions that were not answered."""
    invented: Sequence[str]
    """Unanswerable questions that were."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return asdict(self)


async def evaluate(
    app: Alir, judged: Judged, *, claims: Sequence[JudgedClaim] = (), sweep: bool = False
) -> AnswerReport:
    """Ask every question, all at once, and compare the answers to what was expected."""
    answers: list[Answer] = await asyncio.gather(
        *(app.ask.run(question=one.text) for one in judged.questions)
    )
    asked = zip(judged.questions, answers, strict=True)
    outcomes = [_outcome(question, answer, judged) for question, answer in asked]
    shown = [citation for answer in answers for citation in answer.citations]
    fitted = await _fitted(app, outcomes, answers) if sweep else None
    return AnswerReport(
        figures(outcomes),
        citations_shown=len(shown),
        citations_verified=sum(map(judged.holds, shown)),
        fitted=fitted,
        claims=await evaluate_claims(claims, embedding=app.ask.embedding) if claims else None,
        missed=[o.question.text for o in outcomes if o.question.expected and not o.is_answered],
        invented=[o.question.text for o in outcomes if not o.question.expected and o.is_answered],
    )


def _outcome(question: JudgedQuestion, answer: Answer, judged: Judged) -> Outcome:
    return Outcome(
        question,
        found=[judged.place(source) for source in answer.sources],
        cited=[Place(one.file, one.start, one.end) for one in answer.citations],
        is_answered=answer.text != NOT_ANSWERED,
    )


async def _fitted(app: Alir, outcomes: Sequence[Outcome], answers: Sequence[Answer]) -> Fitted:
    asked = [
        (outcome.question, answer.sources, outcome.found)
        for outcome, answer in zip(outcomes, answers, strict=True)
    ]
    return await fit(asked, embedding=app.ask.embedding)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m alir.evaluation.answers")
    parser.add_argument("folder", type=Path, help="the documents")
    parser.add_argument("questions", type=Path, help="a CSV of question, file, passage")
    parser.add_argument("--claims", type=Path, help="a CSV of sentence, question, is_supported")
    parser.add_argument("--sweep", action="store_true", help="look for better weights, too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--desk", type=Path, help="a folder to keep the index in, for next time")
    given = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        desk = (given.desk or Path(folder)).resolve()
        report = asyncio.run(_measured(given, desk))
    sys.stdout.write((json.dumps(report.to_json()) if given.json else told(report)) + "\n")


async def _measured(given: argparse.Namespace, desk: Path) -> AnswerReport:
    settings = Settings.load(
        milvus_uri=str(desk / "answers.db"),
        ledger=desk / "ledger",
        collection="alir_answers",
    )
    judged = load(given.questions, documents=given.folder)
    claims = load_claims(given.claims, judged) if given.claims else []
    async with Alir(settings) as app:
        await app.ingest.run(paths=[given.folder])
        return await evaluate(app, judged, claims=claims, sweep=given.sweep)


def told(report: AnswerReport) -> str:
    """Return the report as a person reads it."""
    lines = [
        *_lines(report.figures),
        f"Citations verified: {report.citations_verified} of {report.citations_shown}",
        *(f"Not answered: {question}" for question in report.missed),
        *(f"Answered without an answer there: {question}" for question in report.invented),
    ]
    if report.fitted is not None:
        lines += ["", f"Best on all questions: {report.fitted.weights}"]
        lines += ["Chosen on one half, measured on the other, both ways:"]
        lines += _lines(report.fitted.figures)
    if report.claims is not None:
        lines += ["", *_claim_lines(report.claims)]
    return "\n".join(lines)


def _claim_lines(of: ClaimFigures) -> list[str]:
    return [
        f"Claims: {of.supported} supported, {of.false_marks:.1%} of them marked; "
        f"{of.unsupported} not, {of.false_passes:.1%} of them passed",
        f"Threshold chosen on one half, measured on the other: {of.fitted_false_marks:.1%} and "
        f"{of.fitted_false_passes:.1%}; best on all: {of.best_threshold}",
    ]


def _lines(of: Figures) -> list[str]:
    return [
        f"Questions: {of.answerable} answerable, {of.unanswerable} not",
        f"hit@5: {of.hit_at_5:.1%}   MRR: {of.mrr:.3f}",
        f"False 'not answered': {of.false_not_answered:.1%}   "
        f"false 'answered': {of.false_answered:.1%}",
        f"Citations: {of.citations}, precision {of.citation_precision:.1%}, "
        f"recall {of.citation_recall:.1%}",
    ]


if __name__ == "__main__":
    main()
