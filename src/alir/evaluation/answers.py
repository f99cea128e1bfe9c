"""How often answers to judged questions are right, wrongly given and wrongly withheld."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alir.app.application import Alir
from alir.evaluation.claims import ClaimFigures, JudgedClaim, evaluate_claims
from alir.evaluation.fit_weights import FittedWeights, fit
from alir.evaluation.outcomes import (
    AnswerFigures,
    JudgedDocuments,
    JudgedQuestion,
    Outcome,
    PassageSpan,
    figures,
)
from alir.events.ask import Answer
from alir.steps.ask.synthesize import NOT_ANSWERED


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """The figures of a set of questions."""

    figures: AnswerFigures
    citations_shown: int
    """In all answers, also to questions without one."""
    citations_verified: int
    """Citations with a quote that stands in the file, to the character."""
    fitted: FittedWeights
    """The best weights of extractive answers, and their figures."""
    claims: ClaimFigures | None
    """How well support is judged; None without claims."""
    missed: Sequence[str]
    """Answerable questions that were not answered."""
    invented: Sequence[str]
    """Unanswerable questions that were."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as `alir eval --answers --json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """The questions to answer, and claims to check."""

    judged: JudgedDocuments
    claims: Sequence[JudgedClaim] = ()


async def evaluate_answers(app: Alir, options: AnswerOptions) -> AnswerReport:
    """Ask all questions at once, and compare the answers with the judgements."""
    judged, claims = options.judged, options.claims
    answers: list[Answer] = await asyncio.gather(
        *(app.ask.run(question=one.text) for one in judged.questions)
    )
    asked = zip(judged.questions, answers, strict=True)
    outcomes = [_outcome(question, answer, judged) for question, answer in asked]
    shown = [citation for answer in answers for citation in answer.citations]
    return AnswerReport(
        figures(outcomes),
        citations_shown=len(shown),
        citations_verified=sum(map(judged.holds, shown)),
        fitted=await _fitted(app, outcomes, answers),
        claims=await evaluate_claims(claims, embedding=app.ask.embedding) if claims else None,
        missed=[o.question.text for o in outcomes if o.question.expected and not o.is_answered],
        invented=[o.question.text for o in outcomes if not o.question.expected and o.is_answered],
    )


def _outcome(question: JudgedQuestion, answer: Answer, judged: JudgedDocuments) -> Outcome:
    return Outcome(
        question,
        found=[judged.place(source) for source in answer.sources],
        cited=[PassageSpan(one.file, one.start, one.end) for one in answer.citations],
        is_answered=answer.text != NOT_ANSWERED,
    )


async def _fitted(
    app: Alir, outcomes: Sequence[Outcome], answers: Sequence[Answer]
) -> FittedWeights:
    asked = [
        (outcome.question, answer.sources, outcome.found)
        for outcome, answer in zip(outcomes, answers, strict=True)
    ]
    return await fit(asked, embedding=app.ask.embedding)
