"""`alir bench ask`: many questions at once, and one while an ingestion runs.

All sides ask the same collection, which alir ingested. The JSON, beside what every bench has
(`bench`, `repeats`, `machine`):

- `corpus`: `files` and `chunks`; `questions`: how many different ones there are; `embedding`;
  `milvus`; `top_k`; `consistency_level`.
- `sides`: `llama_index` (`VectorStoreIndex.from_vector_store(...).as_query_engine(use_async=True)`
  `.aquery` with LlamaIndex's store and embedding), `llama_index_fused` (the same over LlamaIndex's
  `QueryFusionRetriever`, which searches what alir's workflow does: by meaning and by words; missing
  where Milvus cannot search by words), `drop_in` (`llama_index`'s code with alir's store and
  embedding), `query_engine` (their limit: LlamaIndex's query engine where the passages are known
  already), `alir` (alir's workflow: keyword search and checked citations as well),
  `workflow_engine` (its limit: LlamaIndex's workflow engine where alir's steps do nothing) and
  `alir_extractive` (alir without a language model, and at most 100 at once). The language model of
  the others takes no time. Of each by number of questions asked at once, medians: `seconds` for
  all, `per_s`, `p50_ms`, `p95_ms`, `p99_ms`, counted from the moment all were asked. For 1: 20
  questions, each after the other.
- `ratios`, by number: how many times the questions per second of `llama_index` are those of each
  other side. `alir_over_fused`, by number: `alir`'s over those of `llama_index_fused`, or null.
- `while_ingesting`: lone questions to `alir`: how many were `asked` (fewer than 200 where they took
  more than a minute), `p50_ms` and `p95_ms` at `rest` and `busy`, and `p95_ratio`, busy over rest;
  null where it was not measured.
- `same_passages`: the share of questions for which `drop_in` found what `llama_index` did.
  `fused_passages`: the share of its passages that `llama_index_fused` found, too, of those of
  `alir`; LlamaIndex has Milvus drop the question's lightest words. Null without it.
- `spread` and `runs`: in the shape of `sides` and `while_ingesting`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from uuid import uuid4

from alir.app.application import Alir
from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from alir.settings import Settings
from alir.testing import HashEmbedding
from benchmarks.ask.askers import Asker, InstantLLM, askers
from benchmarks.ask.busy import ASKED, lone, rest_and_busy
from benchmarks.corpus import files_below, read, sized
from benchmarks.ingest.side import FAKE_DIM
from benchmarks.measure import (
    Figure,
    WrongResult,
    by_key,
    interleaved,
    medians,
    percentiles_ms,
    rounded,
    runs,
    spreads,
)
from benchmarks.questions import from_texts
from benchmarks.store.ways import at_once

LONE = 20
COMPARED = 40
"""Questions for which the passages found are compared."""
EXTRACTIVE_UP_TO = 100
"""It embeds the sentences of every passage, and so takes minutes for more at once."""
SAME_PASSAGES = 0.95
"""Two ways to run one model differ in the last digit, and so may the order of near equals."""
SHARED_PASSAGES = 0.5
TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class AskOptions:
    """What `bench ask` was asked to measure."""

    paths: Sequence[Path]
    counts: Sequence[int] = (1, 10, 100, 1000)
    questions: Sequence[str] | None = None
    """None asks about sentences of the corpus."""
    uri: str | None = None
    repeats: int = 3
    fake: bool = False
    chunks: int | None = None
    """Cut or repeat the text to so many chunks."""
    while_ingesting: bool = True


async def measure_ask(options: AskOptions, progress: Progress) -> dict[str, Any]:
    """Ingest the corpus, ask it in every way, and return the JSON this module describes.

    Raises:
        WrongResult: two ways found different passages, or an answer was degraded.
        AlirError: the paths, the model or Milvus cannot be used.
    """
    described = machine.describe()
    with TemporaryDirectory() as folder:
        app = _app(options, Path(folder))
        try:
            return {
                **await _measured(app, options, Path(folder), progress),
                "machine": described,
            }
        finally:
            if options.uri is not None:
                await app.vector_store.aclear()
            await app.aclose()


def _app(options: AskOptions, folder: Path) -> Alir:
    settings = Settings.load(
        milvus_uri=options.uri or str(folder / "ask.db"),
        collection=f"alir_bench_{uuid4().hex[:8]}",
        timeout_s=TIMEOUT_S,
    )
    fake = HashEmbedding(dim=FAKE_DIM) if options.fake else None
    return Alir(settings, embedding=fake, llm=InstantLLM())


async def _measured(
    app: Alir, options: AskOptions, folder: Path, progress: Progress
) -> dict[str, Any]:
    sources = files_below(options.paths)
    files = sources
    if options.chunks is not None:
        (folder / "corpus").mkdir()
        files = sized(sources, options.chunks, folder / "corpus", app.shard.node_parser)
    progress("ingesting the corpus")
    await app.ingest.run(paths=files)
    chunks = await app.catalog.count_chunks()
    most = max(options.counts)
    texts = [document.text for document in read(files)]
    asked = options.questions or from_texts(texts, most)
    if not asked:
        raise WrongResult("the corpus holds no sentence to ask about")
    questions = list(islice(cycle(asked), max(most, ASKED)))
    async with askers(app, questions) as sides:
        by_name: dict[str, Asker] = {
            name: side for name in sides.__slots__ if (side := getattr(sides, name)) is not None
        }
        same = await _same_passages(sides.llama_index, sides.drop_in, questions[:COMPARED])
        fused = sides.llama_index_fused
        shared = fused and await _shared_passages(fused, sides.alir, questions[:COMPARED])
        figures: dict[str, dict[str, dict[str, Figure]]] = {name: {} for name in by_name}
        for count in options.counts:
            found = await interleaved(
                {
                    name: partial(_asked, ask, questions[: LONE if count == 1 else count], count)
                    for name, ask in by_name.items()
                    if name != "alir_extractive" or count <= EXTRACTIVE_UP_TO
                },
                options.repeats,
                lambda what, count=count: progress(f"{count:,} at once: {what}"),  # type: ignore[misc]
            )
            for name, each in found.items():
                figures[name][str(count)] = by_key(each)
        busy: dict[str, dict[str, Figure]] | None = None
        if options.while_ingesting:
            found = await rest_and_busy(
                app,
                sides.alir,
                questions[:ASKED],
                sources=sources,
                folder=folder,
                repeats=options.repeats,
                progress=progress,
            )
            busy = {name: by_key(each) for name, each in found.items()}
    return {
        "bench": "ask",
        "corpus": {"files": len(files), "chunks": chunks},
        "questions": len(set(questions)),
        "embedding": app.model_name,
        "milvus": options.uri or "Milvus Lite",
        "top_k": app.settings.top_k,
        "consistency_level": app.settings.consistency_level,
        "repeats": options.repeats,
        "sides": medians(figures),
        "ratios": {str(count): _ratios(figures, str(count)) for count in options.counts},
        "alir_over_fused": fused
        and {str(count): _over_fused(figures, str(count)) for count in options.counts},
        "while_ingesting": busy and {**medians(busy), "p95_ratio": _p95_ratio(busy)},
        "same_passages": same,
        "fused_passages": shared,
        "spread": {"sides": spreads(figures), "while_ingesting": busy and spreads(busy)},
        "runs": {"sides": runs(figures), "while_ingesting": busy and runs(busy)},
    }


async def _asked(ask: Asker, questions: Sequence[str], count: int) -> dict[str, float]:
    """Ask all at once (a `count` of 1: one after the other) and return the times."""
    await ask(questions[0])  # awake
    started = perf_counter()
    if count == 1:
        seconds = await lone(ask, questions)
    else:

        async def timed(question: str) -> float:
            await ask(question)
            return perf_counter() - started

        seconds = await at_once(timed, questions)
    total = perf_counter() - started
    return {
        "seconds": total,
        "per_s": len(questions) / total,
        **percentiles_ms(seconds, 50, 95, 99),
    }


async def _same_passages(one: Asker, other: Asker, questions: Sequence[str]) -> float:
    """Return for which share of `questions` both find the same.

    Raises:
        WrongResult: it is less than `SAME_PASSAGES`.
    """
    same = [set(await one(question)) == set(await other(question)) for question in questions]
    share = sum(same) / len(same)
    if share < SAME_PASSAGES:
        raise WrongResult(f"LlamaIndex and alir found the same for only {share:.0%} of questions")
    return share


async def _shared_passages(one: Asker, other: Asker, questions: Sequence[str]) -> float:
    """Return the share of the passages that `other` finds that `one` finds, too.

    Raises:
        WrongResult: it is less than half: they do not search alike.
    """
    found = [(set(await one(question)), set(await other(question))) for question in questions]
    share = sum(len(a & b) for a, b in found) / sum(len(b) for _, b in found)
    if share < SHARED_PASSAGES:
        raise WrongResult(f"LlamaIndex's fusion found only {share:.0%} of alir's passages")
    return rounded(share)


def _ratios(figures: dict[str, dict[str, dict[str, Figure]]], count: str) -> dict[str, float]:
    per_s = {
        name: by_count[count]["per_s"].median
        for name, by_count in figures.items()
        if count in by_count
    }
    theirs = per_s.pop("llama_index")
    return {name: rounded(ours / theirs) for name, ours in per_s.items()}


def _over_fused(figures: dict[str, dict[str, dict[str, Figure]]], count: str) -> float:
    ours, theirs = (figures[name][count]["per_s"].median for name in ("alir", "llama_index_fused"))
    return rounded(ours / theirs)


def _p95_ratio(busy: dict[str, dict[str, Figure]]) -> float:
    return rounded(busy["busy"]["p95_ms"].median / busy["rest"]["p95_ms"].median)
