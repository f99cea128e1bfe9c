"""The tables of `alir eval --answers`, shown below those of the searches."""

from typing import Any

from alir.evaluation.report.tables import Table

_FIGURES = {
    "hit_at_5": "an expected passage among the five found (hit@5)",
    "mrr": "MRR",
    "false_not_answered": "not answered, though the documents do",
    "false_answered": "answered, though they do not",
    "citations": "citations, in the answers to what they answer",
    "citation_precision": "of these, overlap an expected passage",
    "citation_recall": "questions with such a citation",
}


def answer_tables(found: dict[str, Any]) -> list[Table]:
    """Return the tables of one size of chunks."""
    of, fitted = found["figures"], found["fitted"]
    answers = Table(
        f"{of['answerable']} questions that the documents answer, {of['unanswerable']} that they "
        f"do not; chunks of {found['chunk_tokens']} tokens",
        ["", "as alir ask answers", "weights of one half,\nmeasured on the other"],
        [
            [label, _figure(of[name]), _figure(fitted["figures"][name])]
            for name, label in _FIGURES.items()
        ],
        notes=[
            f"Citations that stand in their file, to the character: {found['citations_verified']} "
            f"of {found['citations_shown']}.",
            *(f"Not answered: {question}" for question in found["missed"]),
            *(f"Answered, though the documents do not: {one}" for one in found["invented"]),
            f"The best weights on all questions: {fitted['weights']}.",
        ],
    )
    claims = found["claims"]
    return [answers] if claims is None else [answers, _claim_table(claims)]


def _claim_table(of: dict[str, Any]) -> Table:
    marked, passed = "borne out, but marked", "not borne out, but passed"
    return Table(
        f"{of['supported']} sentences that their passage bears out, {of['unsupported']} that not",
        ["", marked, passed],
        [
            ["the default", _figure(of["false_marks"]), _figure(of["false_passes"])],
            [
                "threshold of one half, measured on the other",
                _figure(of["fitted_false_marks"]),
                _figure(of["fitted_false_passes"]),
            ],
        ],
        notes=[f"The best threshold on all of them: {of['best_threshold']}."],
    )


def _figure(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"
