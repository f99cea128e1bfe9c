"""The tables of `alir eval --answers`, from its JSON."""

from typing import Any

from alir.evaluation.answer_tables import answer_tables

FIGURES = {
    "answerable": 2,
    "unanswerable": 1,
    "hit_at_5": 1.0,
    "mrr": 0.75,
    "false_not_answered": 0.5,
    "false_answered": 0.0,
    "citations": 3,
    "citation_precision": 1.0,
    "citation_recall": 0.5,
}
FOUND: dict[str, Any] = {
    "chunk_tokens": 64,
    "figures": FIGURES,
    "citations_shown": 4,
    "citations_verified": 3,
    "fitted": {"weights": {"words": 0.5}, "figures": FIGURES | {"mrr": 0.25}},
    "claims": None,
    "missed": ["When do cats sleep?"],
    "invented": ["Who is king?"],
}


def test_the_figures_stand_beside_those_of_fitted_weights() -> None:
    [table] = answer_tables(FOUND)

    assert "2 questions that the documents answer, 1 that they do not" in table.title
    assert "chunks of 64 tokens" in table.title
    assert ["MRR", "0.750", "0.250"] in [list(row) for row in table.rows]
    assert [row[1] for row in table.rows if row[0].startswith("citations,")] == ["3"]
    assert len(table.rows) == len(FIGURES) - 2


def test_the_notes_name_the_citations_and_the_questions_gone_wrong() -> None:
    [table] = answer_tables(FOUND)

    assert table.notes[0].endswith("to the character: 3 of 4.")
    assert "Not answered: When do cats sleep?" in table.notes
    assert "Answered, though the documents do not: Who is king?" in table.notes


def test_claims_are_a_table_of_their_own() -> None:
    claims = {
        "supported": 5,
        "unsupported": 4,
        "false_marks": 0.2,
        "false_passes": 0.25,
        "fitted_false_marks": 0.0,
        "fitted_false_passes": 0.5,
        "best_threshold": 0.61,
    }

    _, table = answer_tables(FOUND | {"claims": claims})

    assert table.title.startswith("5 sentences")
    assert [list(row)[1:] for row in table.rows] == [["0.200", "0.250"], ["0.000", "0.500"]]
    assert "0.61" in table.notes[0]
