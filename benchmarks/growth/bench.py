"""`alir bench growth`: whether a chunk, a file and a large file cost the same as they grow.

Every size is ingested by a process of its own, a new one in each repeat, into a Milvus Lite of its
own, with words hashed instead of a model run (384 dimensions): what is left is alir and the store.
The JSON, beside what every bench has (`bench`, `repeats`, `machine`):

- `chunks`, by the number asked for, in files of 200,000 characters; `files`, by number, of one
  sentence each; `giant`, by MiB, one text file; `depths`, by levels of folders, 900 files, one in
  each folder. Of each, medians: `files`, `chunks`, `seconds`,
  `cpu_s` (of alir's process, all threads), `ms_per_chunk`, `cpu_ms_per_chunk`, `cpu_ms_per_file`,
  `peak_rss_mib` (of alir's process), `milvus_peak_rss_mib` (of Milvus Lite's); of `depths`, also
  `ms_per_file` and `again_ms_per_file`, of a second run that finds nothing changed; of `files`,
  also `one_more_ms`, of a run over one new file beside them, the median of nine.
- `growth`, for the largest number of chunks over the one before it: `ms_per_chunk` and
  `peak_rss_mib`; null for a single size. `depth_growth`, for the deepest over the least deep:
  `ms_per_file` and `again_ms_per_file`; null for a single depth. `one_more_growth`, for the largest
  number of files over the smallest: `one_more_ms`; null for a single number.
- `spread` and `runs`: in the shape of `chunks`, `files`, `giant` and `depths`.
"""

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llama_index.core.schema import Document

from alir.app.application import Alir
from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from alir.testing import HashEmbedding
from benchmarks import prose
from benchmarks.child import in_child
from benchmarks.ingest.side import FAKE_DIM
from benchmarks.measure import Figure, by_key, interleaved, medians, rounded, runs, spreads

KINDS = ("chunks", "files", "giant", "depths")
FILE_CHARS = 200_000
FILES_PER_FOLDER = 1000
DEPTH_FILES = 900


@dataclass(frozen=True, slots=True)
class GrowthOptions:
    """The sizes `bench growth` was asked to measure."""

    chunks: Sequence[int] = (1_000, 10_000, 100_000)
    files: Sequence[int] = (100, 1_000, 10_000)
    giant_mib: Sequence[int] = (100,)
    depths: Sequence[int] = (9, 900)
    repeats: int = 3

    @property
    def sizes(self) -> int:
        """How many there are."""
        return len(self.chunks) + len(self.files) + len(self.giant_mib) + len(self.depths)


async def measure_growth(options: GrowthOptions, progress: Progress) -> dict[str, Any]:
    """Measure every size and return the JSON this module describes.

    Raises:
        WrongResult: a size failed.
    """
    described = machine.describe()
    with TemporaryDirectory() as folder:
        progress("writing the files")
        folders = _written(options, Path(folder))
        try:
            found = await interleaved(
                {
                    f"{kind} {size:,}": partial(_measured, kind, path)
                    for (kind, size), path in folders.items()
                },
                options.repeats,
                progress,
            )
        finally:
            deep = [path for (kind, _), path in folders.items() if kind == "depths"]
            # Python's own function calls itself for each level.
            await asyncio.to_thread(subprocess.call, ["rm", "-rf", *map(str, deep)])
    figures: dict[str, dict[str, dict[str, Figure]]] = {kind: {} for kind in KINDS}
    for kind, size in folders:
        figures[kind][str(size)] = by_key(found[f"{kind} {size:,}"])
    return {
        "bench": "growth",
        "repeats": options.repeats,
        **medians(figures),
        "growth": _growth(list(figures["chunks"].values())),
        "depth_growth": _ratios(
            list(figures["depths"].values()), "ms_per_file", "again_ms_per_file"
        ),
        "one_more_growth": _ratios(list(figures["files"].values()), "one_more_ms"),
        "spread": spreads(figures),
        "runs": runs(figures),
        "machine": described,
    }


async def _measured(kind: str, folder: Path) -> dict[str, float]:
    found = await in_child("growth", folder=str(folder), kind=kind)
    per_file = {}
    if kind == "depths":
        per_file["ms_per_file"] = 1000 * found["seconds"] / found["files"]
        per_file["again_ms_per_file"] = 1000 * found["again_s"] / found["files"]
    return {
        **per_file,
        **found,
        "ms_per_chunk": 1000 * found["seconds"] / found["chunks"],
        "cpu_ms_per_chunk": 1000 * found["cpu_s"] / found["chunks"],
        "cpu_ms_per_file": 1000 * found["cpu_s"] / found["files"],
    }


def _written(options: GrowthOptions, folder: Path) -> dict[tuple[str, int], Path]:
    made = {}
    chunk_chars = _chunk_chars(folder / "sample.txt") if options.chunks else 0
    for size in options.chunks:
        made["chunks", size] = path = folder / f"chunks-{size}"
        path.mkdir()
        chars = size * chunk_chars
        for number in range(-(-chars // FILE_CHARS)):
            left = min(FILE_CHARS, chars - number * FILE_CHARS)
            prose.write(path / f"{number:05}.txt", left, seed=number)
    for size in options.files:
        made["files", size] = path = folder / f"files-{size}"
        for number in range(size):
            place = path / f"{number // FILES_PER_FOLDER:03}"
            place.mkdir(parents=True, exist_ok=True)
            prose.write(place / f"{number:06}.txt", 1, seed=number)
    for size in options.giant_mib:
        made["giant", size] = path = folder / f"giant-{size}"
        path.mkdir()
        prose.write(path / "giant.txt", size * 2**20, seed=size)
    for size in options.depths:
        made["depths", size] = path = folder / f"depths-{size}"
        for chain in range(DEPTH_FILES // size):
            place = path / f"{chain:03}"
            place.mkdir(parents=True)
            for level in range(size):
                prose.write(place / "f.txt", 1, seed=chain * size + level)
                place /= "d"
                place.mkdir()
    return made


def _chunk_chars(sample: Path) -> int:
    """The characters of a chunk, as alir cuts a text of this kind without a model's tokenizer."""
    prose.write(sample, FILE_CHARS, seed=0)
    text = sample.read_text("utf-8")
    parser = Alir(embedding=HashEmbedding(dim=FAKE_DIM)).shard.node_parser
    return len(text) // len(parser.get_nodes_from_documents([Document(text=text)]))


def _ratios(sizes: list[dict[str, Figure]], *keys: str) -> dict[str, float] | None:
    """Return the last of `sizes` over the first."""
    if len(sizes) < 2:
        return None
    return {key: rounded(sizes[-1][key].median / sizes[0][key].median) for key in keys}


def _growth(sizes: list[dict[str, Figure]]) -> dict[str, float] | None:
    if len(sizes) < 2:
        return None
    before, last = sizes[-2:]
    return {
        key: rounded(last[key].median / before[key].median)
        for key in ("ms_per_chunk", "peak_rss_mib")
    }
