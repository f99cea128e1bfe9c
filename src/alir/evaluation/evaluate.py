"""Search for every question of a dataset in every way, with alir's own search.

The JSON:

- `eval`, the dataset's name; `documents`, `questions`, `rule` (what is relevant), `notes`.
- `depth`: passages found for each question; `model`; `overlap_tokens`; `resamples`.
- `rows`, one for each size of chunks and way to search: `chunk_tokens`, `chunks`, `search` (its
  name), `by`, `keyword_weight`, `rerank`, `default` (whether questions are searched so),
  `seconds` of all questions, `measures` and `less_default` (the row's nDCG@10 less the
  default's): `value` and the 95% interval from `low` to `high`.
- `answers`, if asked for, one for each size of chunks: `chunk_tokens`, and what
  `AnswerReport` has: `figures`, `citations_shown` and `citations_verified`, `fitted` (`weights` and
  `figures`), `claims`, and the questions `missed` and `invented`. Null otherwise.
- `machine`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, cast

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore
from workflows import Workflow

from alir.app.application import Alir
from alir.app.streaming import events
from alir.errors import RetrievalFailed
from alir.evaluation.answers import AnswerOptions, evaluate_answers
from alir.evaluation.dataset import Dataset
from alir.evaluation.metrics import RESAMPLES, Ranking, Scores, interval, ir_measures, score
from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from alir.events.ingest import Ingest, IngestProgress, IngestReport
from alir.events.search import Passages, Search
from alir.models.answers import Fusion
from alir.settings import Settings

AT_ONCE = 64
"""Questions under way."""
MAIN = "nDCG@10"
SEARCHES: Mapping[str, Fusion] = {
    "dense": Fusion(keyword_weight=0),
    "BM25": Fusion(keyword_weight=1),
    "RRF": Fusion("rank"),
    **{f"scores, {weight:.0%} BM25": Fusion("score", weight) for weight in (0.1, 0.3, 0.5)},
    **{f"min-max, {weight:.0%} BM25": Fusion("spread", weight) for weight in (0.3, 0.5)},
}
"""The ways to search, by name: one branch alone, or a fusion of both."""


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """How to evaluate a dataset."""

    chunk_tokens: Sequence[int | None] = (None,)
    """The sizes of chunks; None is that of the settings."""
    depth: int = 100
    """Passages found for each question."""
    embedding: BaseEmbedding | None = None
    node_postprocessors: Sequence[BaseNodePostprocessor] = ()
    """With some, every way to search is measured with and without them."""
    answers: AnswerOptions | None = None
    """The questions to answer as well, or None."""


async def evaluate(
    dataset: Dataset, options: EvalOptions, progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Ingest the dataset once for each size of chunks, search for everything, return the JSON.

    Raises:
        ExtraMissing: the library of the metrics is not installed.
        RetrievalFailed: a branch of a search failed, so its rows would be those of another one.
    """
    ir_measures()  # it fails before the work, not after it
    described = machine.describe()
    rows: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for chunk_tokens in options.chunk_tokens:
        with TemporaryDirectory() as folder:
            async with _alir(Path(folder), chunk_tokens, options) as app:
                rows += await _rows(app, dataset, options, progress)
                if options.answers is not None:
                    progress(f"answering, {app.chunk_tokens} tokens")
                    report = await evaluate_answers(app, options.answers)
                    answers.append({"chunk_tokens": app.chunk_tokens, **report.to_json()})
                overlap, model = app.settings.chunk_overlap_tokens, app.model_name
    return {
        "eval": dataset.name,
        "documents": dataset.documents,
        "questions": len(dataset.questions),
        "rule": dataset.rule,
        "notes": [*dataset.notes],
        "depth": options.depth,
        "model": model,
        "overlap_tokens": overlap,
        "resamples": RESAMPLES,
        "rows": rows,
        "answers": answers or None,
        "machine": described,
    }


def _alir(folder: Path, chunk_tokens: int | None, options: EvalOptions) -> Alir:
    settings = Settings.load(
        milvus_uri=str(folder / "eval.db"),
        ledger=folder / "ledger",
        collection="alir_eval",
        chunk_tokens=chunk_tokens,
    )
    return Alir(
        settings, embedding=options.embedding, node_postprocessors=options.node_postprocessors
    )


async def _rows(
    app: Alir, dataset: Dataset, options: EvalOptions, progress: Progress
) -> list[dict[str, Any]]:
    report = await _ingest(app, dataset, progress)
    rows: list[dict[str, Any]] = []
    scores: list[Scores] = []
    for rerank in (False, True) if options.node_postprocessors else (False,):
        for name, fusion in SEARCHES.items():
            progress(f"{name}{', reranked' if rerank else ''}, {app.chunk_tokens} tokens")
            started = perf_counter()
            found = await ranking(app.search, dataset, fusion, rerank=rerank, depth=options.depth)
            seconds = perf_counter() - started
            scores.append(score(found, dataset.judgements, depth=options.depth))
            row = {
                "chunk_tokens": app.chunk_tokens,
                "chunks": report.chunks,
                "search": name,
                "by": fusion.by,
                "keyword_weight": fusion.keyword_weight,
                "rerank": rerank,
                "default": fusion == Fusion() and rerank == bool(options.node_postprocessors),
                "seconds": round(seconds, 3),
                "measures": {name: interval(values) for name, values in scores[-1].items()},
            }
            rows.append(row)
    [default] = [one for row, one in zip(rows, scores, strict=True) if row["default"]]
    for row, one in zip(rows, scores, strict=True):
        row["less_default"] = interval(one[MAIN] - default[MAIN])
    return rows


async def _ingest(app: Alir, dataset: Dataset, progress: Progress) -> IngestReport:
    run = app.ingest.run(start_event=Ingest(paths=[*dataset.files]))
    async for event in events(run):
        if isinstance(event, IngestProgress):
            done = f"{event.files_done:,} of {event.files:,} files"
            progress(f"ingesting in chunks of {app.chunk_tokens} tokens, {done}")
    report = await run
    assert isinstance(report, IngestReport)  # noqa: S101  the engine types results as Any
    return report


async def ranking(
    search: Workflow, dataset: Dataset, fusion: Fusion, *, rerank: bool, depth: int
) -> Ranking:
    """Search for all questions, many at once; return the ranking of each.

    Raises:
        RetrievalFailed: a branch of a search failed.
    """
    at_once = asyncio.Semaphore(AT_ONCE)

    async def ask(question: str) -> list[NodeWithScore]:
        asked = Search(question=question, top_k=depth, fusion=fusion, rerank=rerank)
        async with at_once:
            found = cast("Passages", await search.run(start_event=asked))
        if found.degraded:
            raise RetrievalFailed(found.degraded)
        return found.passages

    found = await asyncio.gather(*map(ask, dataset.questions.values()))
    return {
        question: _units(dataset, question, passages)
        for question, passages in zip(dataset.questions, found, strict=True)
    }


def _units(dataset: Dataset, question: str, passages: Sequence[NodeWithScore]) -> list[str]:
    """Return the units of the passages, each at the rank of its best passage."""
    units = (unit for one in passages for unit in dataset.units(question, one.node))
    return list(dict.fromkeys(units))
