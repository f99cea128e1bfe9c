"""`alir bench load`: the service under ten times the load that it can bear, while it ingests.

Each side is a service of its own process on a real port, over a copy of one and the same Milvus
Lite file, which alir ingested; one side after the other. First a text is ingested, and then as many
askers as the service answers at once ask one question after the other: what is answered in a
second is the sustainable rate. Then questions come at random at `times` that rate, from at most
`askers` at once, each over a kept connection; one that comes while all of them wait for an answer
is not sent. All the time a text of some 16 chunks is uploaded, and the next when that has been
ingested. The JSON, beside what every bench has (`bench`, `machine`):

- `corpus`: `files` and `chunks`; `questions`: how many different ones there are; `embedding`;
  `milvus`; `top_k`; `seconds`; `askers`; `times`; `places` and `line`: of alir's questions.
- `sides`: `alir` (the service, `/v1/ask`, with a language model that takes no time), `llama_index`
  (a dozen lines of Starlette around `VectorStoreIndex.from_vector_store(...)`
  `.as_query_engine(use_async=True)` and an `IngestionPipeline`, LlamaIndex's store and embedding of
  the same weights, the same language model: the same load as `alir`, whatever it can bear itself)
  and `alir_extractive` (the service as it comes, without a language model: ten times what it can
  bear). Of each:
  - `sustainable_per_s`; `offered_per_s`; `offered`, `unsent`, `statuses` (of what was sent, by
    HTTP status; 0 is none), `server_errors` (5xx and none), `shed` (429), `answered`,
    `answered_per_s`;
  - `p50_ms`, `p95_ms`, `p99_ms` of the answered, from the moment they were due; null if none was;
    `shed_p95_ms`;
  - `rss_mib` and `milvus_rss_mib` (of the processes below the service, Milvus Lite's): `start`,
    `end`, `max`, and `per_minute`, the slope of the second half;
  - `max_stall_ms` and `busiest_ms` of the service's event loop: how late it came to a timer, and
    how much processor time it took without coming to it; `stalls_over_100`: in how many quarters
    of a second the former was more than 100 ms;
  - `max_places`, `max_line`, `max_ingestions`: the most questions under way, questions
    waiting, and ingestions not ended; null for `llama_index`, which bounds none;
  - `ingested`: `texts`, `chunks`, `statuses` (of uploads).
"""

import asyncio
import gc
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from alir.settings import Settings
from benchmarks.child import in_child
from benchmarks.corpus import files_below, read
from benchmarks.load.askers import (
    IngestionCounts,
    QuestionOutcomes,
    closed_loop,
    distinct,
    ingest_on,
    new_texts,
    open_loop,
)
from benchmarks.load.service import ServiceProcess, start_service
from benchmarks.measure import WrongResult, percentiles_ms, rounded
from benchmarks.questions import from_texts

SIDES = ("alir", "llama_index", "alir_extractive")
MOST_QUESTIONS = 20_000


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What `bench load` was asked to measure."""

    paths: Sequence[Path]
    seconds: float = 300.0
    askers: int = 200
    times: float = 10.0
    questions: Sequence[str] | None = None
    """None asks about sentences of the corpus."""
    fake: bool = False
    sides: Sequence[str] = SIDES


async def measure_load(options: LoadOptions, progress: Progress) -> dict[str, Any]:
    """Load each side and return the JSON this module describes.

    Raises:
        WrongResult: a side did not serve, or an answer or an ingestion was none.
        AlirError: the paths, the model or Milvus cannot be used.
    """
    described = machine.describe()
    files = files_below(options.paths)
    texts = [document.text for document in read(files)]
    asked = options.questions or from_texts(texts, MOST_QUESTIONS)
    if not asked:
        raise WrongResult("the corpus holds no sentence to ask about")
    settings = Settings.load(collection="alir_bench_load", requests_per_minute=0)
    with TemporaryDirectory() as name:
        folder = Path(name)
        progress("ingesting the corpus")
        prepared = await in_child(
            "load",
            paths=[str(file.absolute()) for file in files],
            settings=_settings(folder / "corpus"),
            fake=options.fake,
        )
        sides: dict[str, dict[str, Any]] = {}
        per_s = 0.0
        for side in options.sides:
            shutil.copytree(folder / "corpus", folder / side)
            spec = {"side": side, "settings": _settings(folder / side), "fake": options.fake}
            async with start_service(spec, folder / f"{side}.log") as service:
                load = _Load(options, side, service, distinct(asked)(), new_texts(texts), progress)
                bearable = await load.sustainable(settings.questions_at_once)
                # LlamaIndex's side gets what alir's got.
                per_s = per_s if side == "llama_index" else options.times * bearable
                sides[side] = {
                    "sustainable_per_s": rounded(bearable),
                    **await load.overload(per_s),
                }
    return {
        "bench": "load",
        "corpus": {"files": len(files), "chunks": prepared["chunks"]},
        "questions": len(set(asked)),
        "embedding": prepared["model"],
        "milvus": "Milvus Lite",
        "top_k": settings.top_k,
        "seconds": options.seconds,
        "askers": options.askers,
        "times": options.times,
        "places": settings.questions_at_once,
        "line": settings.questions_waiting,
        "sides": sides,
        "machine": described,
    }


def _settings(folder: Path) -> dict[str, Any]:
    return {
        "milvus_uri": str(folder / "load.db"),
        "collection": "alir_bench_load",
        "root": str(folder / "documents"),
        "requests_per_minute": 0,
    }


@dataclass(frozen=True, slots=True)
class _Load:
    """The load of one side."""

    options: LoadOptions
    side: str
    service: ServiceProcess
    questions: Iterator[str]
    texts: Iterator[str]
    progress: Progress

    async def sustainable(self, places: int) -> float:
        """Return how many questions a second are answered when each waits for its answer."""
        self.progress(f"{self.side}: what it can bear")
        # The first text loads the model that texts are embedded with: no growth under load.
        await ingest_on(
            self.service.url,
            islice(self.texts, 1),
            IngestionCounts(),
            is_alir=self.side != "llama_index",
        )
        seconds = min(10.0, self.options.seconds / 3)
        for askers, length_s in ((2, seconds / 5), (places, seconds)):  # the first awake it
            asked = await closed_loop(
                self.service.url, self.questions, askers=askers, seconds=length_s
            )
            if set(asked.statuses) != {200}:
                raise WrongResult(f"{self.side} answered with {dict(asked.statuses)} at rest")
        return len(asked.answered_s) / asked.seconds

    async def overload(self, per_s: float) -> dict[str, Any]:
        """Send it more than it can bear, and return the figures."""
        self.progress(
            f"{self.side}: {self.options.seconds:.0f} s of {per_s:.0f} questions a second"
        )
        gc.collect()
        gc.freeze()
        ingested = IngestionCounts()
        uploading = asyncio.create_task(
            ingest_on(self.service.url, self.texts, ingested, is_alir=self.side != "llama_index")
        )
        try:
            async with self.service.watched() as watch:
                asked = await open_loop(
                    self.service.url,
                    self.questions,
                    askers=self.options.askers,
                    per_s=per_s,
                    seconds=self.options.seconds,
                )
            if uploading.done():
                uploading.result()  # raises what ended it
        finally:
            uploading.cancel()
            await asyncio.gather(uploading, return_exceptions=True)
        return {
            "offered_per_s": rounded(per_s),
            **_question_figures(asked),
            **watch.to_json(),
            "ingested": {
                "texts": ingested.texts,
                "chunks": ingested.chunks,
                "statuses": {str(one): n for one, n in sorted(ingested.statuses.items())},
            },
        }


def _question_figures(asked: QuestionOutcomes) -> dict[str, Any]:
    wrong = sum(n for status, n in asked.statuses.items() if status >= 500 or status == 0)
    percents = 50, 95, 99
    times: dict[str, float | None] = {f"p{percent}_ms": None for percent in percents}
    if asked.answered_s:
        times |= {k: rounded(v) for k, v in percentiles_ms(asked.answered_s, *percents).items()}
    shed_p95 = rounded(percentiles_ms(asked.refused_s, 95)["p95_ms"]) if asked.refused_s else None
    return {
        "offered": asked.offered,
        "unsent": asked.unsent,
        "statuses": {str(one): n for one, n in sorted(asked.statuses.items())},
        "server_errors": wrong,
        "shed": len(asked.refused_s),
        "answered": len(asked.answered_s),
        "answered_per_s": rounded(len(asked.answered_s) / asked.seconds),
        **times,
        "shed_p95_ms": shed_p95,
    }
