"""`alir bench embed`: what computes the vectors: speed, memory, time to load and recall.

Every side runs in a process of its own, a new one in each repeat; see `side`. That of the first
repeat computes the vectors for the recall, too, when it has been measured. The JSON,
beside what every bench has (`bench`, `repeats`, `machine`):

- `model`; `texts`: the chunks of the files, or the records of a file in Cranfield's format;
  `sample`: how many of them, evenly spread, the speed is of; `questions`: how many.
- `sides`, by backend, in the order asked for; the others are compared with the first. `encode` is
  `SentenceTransformer.encode` of all texts in one call, as it comes; `torch-int8`, torch in eight
  bits, made as it recommends, is not a backend of alir's: see its recall. Of each, medians:
  `load_s` (a new process to its first vector, with imports), `seconds`, `texts_per_s`, `ratio` (to
  the speed of the first in the same repeat), `cpu_ms_per_text`, `peak_rss_mib`.
- `quality`, by backend, over all texts, where there are questions: `recall_at_10` of the first
  one's nearest texts; `recall_at_10_across`, with the texts' vectors by the first and the
  questions' by this one; `cosine`, the mean similarity of its texts' vectors to the first one's.
- `spread` and `runs`: in the shape of `sides`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import numpy as np
from llama_index.core.node_parser.interface import NodeParser
from numpy.typing import NDArray

from alir.app.application import Alir
from alir.documents.formats import document_text
from alir.errors import UnreadableFile
from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from alir.settings import Settings
from benchmarks.child import in_child
from benchmarks.corpus import files_below, read
from benchmarks.cranfield import records
from benchmarks.embed.side import BACKENDS
from benchmarks.measure import (
    Figure,
    WrongResult,
    by_key,
    interleaved,
    medians,
    rounded,
    runs,
    spreads,
)

TOP = 10
Vectors = NDArray[np.float32]
"""(texts, dim), unit length."""


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """What `bench embed` was asked to measure."""

    paths: Sequence[Path]
    backends: Sequence[str] = BACKENDS
    """The others are compared with the first."""
    questions: Sequence[str] = ()
    """Without any, recall is not measured."""
    sample: int = 100
    repeats: int = 3


async def measure_embed(options: EmbedOptions, progress: Progress) -> dict[str, Any]:
    """Measure all backends and return the JSON this module describes.

    Raises:
        WrongResult: a backend failed, or there is no text.
        AlirError: the paths or the model cannot be used.
    """
    described = machine.describe()
    app = Alir(Settings.load())
    texts = list(_texts(files_below(options.paths), app.shard.node_parser))
    if not texts:
        raise WrongResult("the corpus holds no text to embed")
    size = min(options.sample, len(texts))
    sample = [texts[i * len(texts) // size] for i in range(size)]
    with TemporaryDirectory() as folder:
        desk = Path(folder)
        others = [*texts, *options.questions] if options.questions else []
        found = await interleaved(
            {
                backend: partial(_speed, app, backend, sample, others, desk)
                for backend in options.backends
            },
            options.repeats,
            progress,
        )
        quality = _quality(options, len(texts), desk)
    first = [one["seconds"] for one in found[options.backends[0]]]
    sides: dict[str, dict[str, Figure]] = {}
    for backend, each in found.items():
        sides[backend] = by_key(each)
        ratios = [theirs / own["seconds"] for own, theirs in zip(each, first, strict=True)]
        sides[backend]["ratio"] = Figure(tuple(ratios))
    return {
        "bench": "embed",
        "model": app.model_name,
        "texts": len(texts),
        "sample": size,
        "questions": len(options.questions),
        "repeats": options.repeats,
        "sides": medians(sides),
        "quality": quality,
        "spread": spreads(sides),
        "runs": runs(sides),
        "machine": described,
    }


def _texts(files: Sequence[Path], parser: NodeParser) -> Iterator[str]:
    """Yield the records of files in Cranfield's format, and the chunks alir makes of others."""
    for file in files:
        try:
            found = records(document_text(file))
        except UnreadableFile:
            continue  # as an ingestion does
        if not found:
            nodes = parser.get_nodes_from_documents(list(read([file])))
            found = [node.get_content() for node in nodes]
        yield from (text for text in found if text.strip())


async def _speed(
    app: Alir, backend: str, sample: Sequence[str], others: Sequence[str], desk: Path
) -> dict[str, float]:
    """Embed in a new process, which leaves the vectors of `others` in a file, once."""
    texts, vectors = desk / "texts.json", desk / f"{backend}.npy"
    given = {"sample": sample, "others": [] if vectors.exists() else others}
    texts.write_text(json.dumps(given), encoding="utf-8")
    spec = {"model": app.settings.embed_model, "texts": str(texts), "vectors": str(vectors)}
    took = await in_child("embed", backend=backend, asked_at=monotonic(), **spec)
    return {
        **took,
        "texts_per_s": len(sample) / took["seconds"],
        "cpu_ms_per_text": 1000 * took.pop("cpu_s") / len(sample),
    }


def _quality(options: EmbedOptions, texts: int, desk: Path) -> dict[str, dict[str, float]]:
    if not options.questions:
        return {}
    found: dict[str, dict[str, float]] = {}
    first: tuple[Vectors, Vectors] | None = None
    for backend in dict.fromkeys(options.backends):
        vectors = np.load(desk / f"{backend}.npy")
        own = vectors[:texts], vectors[texts:]
        first = first or own
        expected = _nearest(*first)
        found[backend] = {
            "recall_at_10": _share(_nearest(*own), expected),
            "recall_at_10_across": _share(_nearest(first[0], own[1]), expected),
            "cosine": rounded(float(np.mean(np.sum(own[0] * first[0], axis=1)))),
        }
    return found


def _nearest(texts: Vectors, questions: Vectors) -> list[set[int]]:
    order = np.argsort(-(questions @ texts.T), axis=1, kind="stable")[:, :TOP]
    return [set(row.tolist()) for row in order]


def _share(found: list[set[int]], expected: list[set[int]]) -> float:
    shares = [len(one & other) / len(other) for one, other in zip(found, expected, strict=True)]
    return rounded(sum(shares) / len(shares))
