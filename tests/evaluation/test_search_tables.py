"""The tables and charts of `alir eval`, from its JSON."""

from typing import Any

from alir.evaluation.search_tables import eval_charts, eval_tables

FIGURE = {"value": 0.5, "low": 0.25, "high": 0.75}
FOUND: dict[str, Any] = {
    "eval": "small",
    "documents": 1200,
    "questions": 2,
    "rule": "1 is relevant.",
    "notes": ["One was left out."],
    "depth": 10,
    "model": "hash-64",
    "overlap_tokens": 8,
    "resamples": 10000,
    "rows": [
        {
            "chunk_tokens": size,
            "chunks": 3000,
            "search": name,
            "rerank": rerank,
            "default": name == "RRF",
            "measures": {"MRR": FIGURE, "nDCG@10": FIGURE},
            "less_default": {"value": -0.1, "low": -0.2, "high": 0.0},
        }
        for size in (64, 128)
        for name, rerank in (("dense", True), ("RRF", False))
    ],
}


def test_there_is_a_table_for_each_size_of_chunks() -> None:
    first, second = eval_tables(FOUND)

    assert first.title == "small, chunks of 64 tokens (3,000)"
    assert list(first.head) == ["", "MRR", "nDCG@10", "nDCG@10\nless *"]
    assert first.rows == [
        ["dense, reranked", "0.500\n0.250–0.750", "0.500\n0.250–0.750", "-0.100\n-0.200 to +0.000"],
        ["RRF *", "0.500\n0.250–0.750", "0.500\n0.250–0.750", ""],
    ]
    assert first.notes == ()
    assert "1,200 documents, 2 questions. 1 is relevant." in second.notes[0]
    assert second.notes[1] == "One was left out."


def test_there_is_a_chart_for_each_metric_with_a_bar_for_each_search() -> None:
    mrr, ndcg = eval_charts(FOUND)

    assert (mrr.title, ndcg.title) == ("MRR and its 95% interval", "nDCG@10 and its 95% interval")
    assert mrr.linear
    assert list(mrr.groups) == ["64 tokens", "128 tokens"]
    [dense, _] = mrr.groups["64 tokens"]
    assert (dense.name, dense.median, dense.spread) == ("dense, reranked", 0.5, [0.25, 0.75])
