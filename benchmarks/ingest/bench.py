"""`alir bench ingest`: end to end, beside LlamaIndex's two ways and beside the model alone.

Every side runs in a process of its own, a new one in each repeat; see `ingest_side`. The JSON,
beside what every bench has (`bench`, `repeats`, `machine`):

- `corpus`: `files` and `chars` of their text; `embedding`: the model, or `hash-384` for the fake
  one; `cut_chars`: null where sentences were split.
- `sides`: `alir`; `from_documents` (`VectorStoreIndex.from_documents(use_async=True)`, in a thread)
  and `pipeline` (`IngestionPipeline.arun`), both with alir's splitter, LlamaIndex's embedding of
  the same weights and LlamaIndex's store; `encode`: the limit, the embedding alone, all of the
  chunks' texts in one call (`SentenceTransformer.encode`). Of each, medians: `seconds`, `chunks`,
  `chunks_per_s`, `peak_rss_mib` (of the process), `milvus_peak_rss_mib` (of its Milvus Lite),
  `max_stall_ms` (the longest the event loop did not turn; null where it ran on no loop of ours).
- `fraction_of_limit`: chunks per second over `encode`'s, by side.
- `stages`: alir's share of time by stage, adding up to 1; stages of several shards run at once.
- `spread` and `runs`: in the shape of `sides`.
- `notes`: what makes the sides differ, if something does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alir.app.application import Alir
from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from alir.settings import Settings
from alir.testing import HashEmbedding
from benchmarks.child import in_child
from benchmarks.corpus import files_below, read, sized
from benchmarks.ingest.side import FAKE_DIM, SIDES, Cutter
from benchmarks.measure import Figure, by_key, interleaved, medians, rounded, runs, spreads


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """What `bench ingest` was asked to measure."""

    paths: Sequence[Path]
    repeats: int = 3
    fake: bool = False
    """Hash words instead of running the model."""
    chunks: int | None = None
    """Cut or repeat the text to so many chunks."""
    cut_chars: int | None = None
    """Cut every so many characters instead of splitting at sentences."""


async def measure_ingest(options: IngestOptions, progress: Progress) -> dict[str, Any]:
    """Measure all sides and return the JSON this module describes.

    Raises:
        WrongResult: a side failed.
        AlirError: the paths or the model cannot be used.
    """
    described = machine.describe()
    files = files_below(options.paths)
    settings = Settings.load()
    fake = HashEmbedding(dim=FAKE_DIM) if options.fake else None
    app = Alir(settings, embedding=fake)
    parser = Cutter(chunk_chars=options.cut_chars) if options.cut_chars else app.shard.node_parser
    with TemporaryDirectory() as folder:
        if options.chunks is not None:
            progress(f"writing a corpus of {options.chunks:,} chunks")
            files = sized(files, options.chunks, Path(folder), parser)
        spec = {
            "files": [str(file) for file in files],
            "model": settings.embed_model,
            "fake": options.fake,
            "cut_chars": options.cut_chars,
        }
        found = await interleaved(
            {side: partial(in_child, "ingest", side=side, **spec) for side in SIDES},
            options.repeats,
            progress,
        )
        chars = sum(len(document.text) for document in read(files))
    stages = by_key([one.pop("stages") for one in found["alir"]])
    sides = {side: by_key(each) for side, each in found.items()}
    limit = sides["encode"]["chunks_per_s"].median
    return {
        "bench": "ingest",
        "corpus": {"files": len(files), "chars": chars},
        "embedding": app.model_name,
        "cut_chars": options.cut_chars,
        "repeats": options.repeats,
        "sides": medians(sides),
        "fraction_of_limit": {
            side: rounded(one["chunks_per_s"].median / limit) for side, one in sides.items()
        },
        "stages": _shares(stages),
        "spread": spreads(sides),
        "runs": runs(sides),
        "notes": _notes(sides),
        "machine": described,
    }


def _shares(stages: dict[str, Figure]) -> dict[str, float]:
    total = sum(stage.median for stage in stages.values())
    return {name: rounded(stage.median / total) for name, stage in stages.items()}


def _notes(sides: dict[str, dict[str, Figure]]) -> list[str]:
    chunks = {side: int(one["chunks"].median) for side, one in sides.items()}
    if len(set(chunks.values())) == 1:
        return []
    counts = ", ".join(f"{side} {count}" for side, count in chunks.items())
    return [f"The sides made different numbers of chunks: {counts}"]
