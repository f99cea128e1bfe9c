"""A collection evaluated for real: Milvus Lite, every way to search, and a plain reranker."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from workflows import Workflow, step

from alir import Passages, Search
from alir.errors import ExtraMissing, RetrievalFailed
from alir.evaluation.dataset import Dataset
from alir.evaluation.evaluate import SEARCHES, EvalOptions, evaluate, ranking
from alir.evaluation.load import load
from alir.evaluation.search_tables import eval_charts, eval_tables
from alir.models.answers import Fusion
from alir.testing import HashEmbedding

Beir = Callable[..., Path]


class LastFirst(BaseNodePostprocessor):
    """Turns the list round."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return nodes[::-1]


@pytest.fixture
def judged(beir: Beir, tmp_path: Path) -> Dataset:
    desk = tmp_path / "desk"
    desk.mkdir()
    return load(beir(), folder=desk)


def row(found: dict[str, Any], search: str, *, rerank: bool = False) -> dict[str, Any]:
    [one] = [one for one in found["rows"] if (one["search"], one["rerank"]) == (search, rerank)]
    assert isinstance(one, dict)
    return one


async def test_every_way_to_search_is_a_row_and_one_of_them_is_the_default(
    judged: Dataset,
) -> None:
    told: list[str] = []

    found = await evaluate(
        judged, EvalOptions(embedding=HashEmbedding(dim=64), depth=10), told.append
    )

    assert [one["search"] for one in found["rows"]] == list(SEARCHES)
    [default] = [one for one in found["rows"] if one["default"]]
    assert (default["by"], default["keyword_weight"]) == (Fusion().by, Fusion().keyword_weight)
    assert default["less_default"] == {"value": 0, "low": 0, "high": 0}
    assert (found["documents"], found["questions"]) == (4, 2)
    assert {one["chunks"] for one in found["rows"]} == {4}
    # "Who makes honey?" has a word of one document only, and it is the judged one.
    assert row(found, "BM25")["measures"]["recall@10"]["value"] == 1
    assert any("4 of 4 files" in line for line in told)


async def test_every_size_of_chunks_and_a_reranker_are_rows_of_their_own(
    judged: Dataset,
) -> None:
    options = EvalOptions(
        chunk_tokens=(64, 128),
        depth=10,
        embedding=HashEmbedding(dim=64),
        node_postprocessors=[LastFirst()],
    )

    found = await evaluate(judged, options)

    assert [one["chunk_tokens"] for one in found["rows"]] == [
        size for size in (64, 128) for _ in range(2 * len(SEARCHES))
    ]
    assert [one["rerank"] for one in found["rows"] if one["default"]] == [True, True]
    found["rows"] = [one for one in found["rows"] if one["chunk_tokens"] == 64]
    plain = row(found, "dense")["measures"]["MRR"]["value"]
    assert row(found, "dense", rerank=True)["measures"]["MRR"]["value"] != plain


async def test_tables_and_charts_show_every_row_with_its_intervals(judged: Dataset) -> None:
    options = EvalOptions(embedding=HashEmbedding(dim=64), depth=10)
    found = await evaluate(judged, options)

    [table] = eval_tables(found)
    charts = eval_charts(found)

    assert list(table.head) == [
        "", "hit@1", "hit@5", "MRR", "nDCG@10", "recall@10", "nDCG@10\nless *",
    ]  # fmt: skip
    assert [cells[0].removesuffix(" *") for cells in table.rows] == list(SEARCHES)
    one = row(found, "dense")["measures"]["nDCG@10"]
    shown = f"{one['value']:.3f}\n{one['low']:.3f}–{one['high']:.3f}"
    assert next(cells for cells in table.rows if cells[0] == "dense")[4] == shown
    assert judged.rule in " ".join(table.notes)
    assert [chart.title.split()[0] for chart in charts] == list(table.head[1:-1])
    assert all(len(bars) == len(SEARCHES) for c in charts for bars in c.groups.values())


class OneBranch(Workflow):
    """A search of which one branch never comes back."""

    @step
    async def search(self, ev: Search) -> Passages:
        return Passages(passages=[], degraded=[f"No words for {ev.question}"], seconds={})


async def test_a_search_that_lacks_a_branch_is_not_measured_as_if_it_had_both(
    judged: Dataset,
) -> None:
    with pytest.raises(RetrievalFailed, match="No words for"):
        await ranking(OneBranch(), judged, Fusion(), rerank=False, depth=10)


async def test_without_the_library_of_the_measures_nothing_is_ingested(
    judged: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setitem(sys.modules, "ir_measures", None)

    with pytest.raises(ExtraMissing, match=r"ir-measures.*pip install 'alir\[eval\]'"):
        await evaluate(judged, EvalOptions(embedding=HashEmbedding()), told.append)
    assert told == []
