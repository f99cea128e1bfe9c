"""`alir bench crossings`: how often control passes from one of alir's source files to another.

One small text file is ingested and one question is asked, each several times, by an alir that is
warm: it has ingested and answered before. Each side, this checkout and the one it is compared with,
is measured in a process of its own, with Milvus Lite, `HashEmbedding` and no language model. What
alir's own child processes do is not counted, and so not the parser's work. The JSON, beside what
every bench has (`bench`, `repeats`, `machine`):

- `sides`, by side (`here`, and `against` if there is one) and by work (`ingest`, `ask`, and
  `first`: the first file of all, which makes the collection; measured once): medians of `calls`,
  `calls_and_resumptions` and `files`, as `side` counts them.
- `pairs`, by side and work: `[caller's file, callee's file, calls]`, most calls first, of the run
  with the median `calls`.
- `index_files`: how many files were in the index before the first one that counts.
- `spread` and `runs`: in the shape of `sides`.

The same Python gives the same counts, whatever the machine; another Python need not.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from tempfile import TemporaryDirectory
from typing import Any

from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from benchmarks.child import result_of
from benchmarks.measure import WrongResult, by_key, medians, runs, spreads

ROOT = Path(__file__).resolve().parents[2]
SIDE = Path(__file__).with_name("side.py")
COUNTS = ("calls", "calls_and_resumptions", "files")


@dataclass(frozen=True, slots=True)
class CrossingsOptions:
    """What `bench crossings` was asked to measure."""

    against: Path | None = None
    """Another checkout of alir, before a change or after it."""
    repeats: int = 3


async def measure_crossings(options: CrossingsOptions, progress: Progress) -> dict[str, Any]:
    """Measure the sides and return the JSON this module describes.

    Raises:
        WrongResult: a side failed, or another alir than the checkout's was measured.
    """
    described = machine.describe()
    checkouts = {"here": ROOT}
    if options.against is not None:
        checkouts["against"] = options.against.resolve()
    found = {}
    for side, checkout in checkouts.items():
        progress(f"{side}, {options.repeats} files and questions")
        found[side] = await _measured(checkout, options.repeats)
    works = {side: one["works"] for side, one in found.items()}
    figures = {
        side: {work: by_key([_counts(run) for run in made]) for work, made in by_work.items()}
        for side, by_work in works.items()
    }
    return {
        "bench": "crossings",
        "repeats": options.repeats,
        "index_files": found["here"]["index_files"],
        "sides": medians(figures),
        "pairs": {
            side: {work: _median_run(made)["pairs"] for work, made in by_work.items()}
            for side, by_work in works.items()
        },
        "spread": spreads(figures),
        "runs": runs(figures),
        "machine": described,
    }


async def _measured(checkout: Path, repeats: int) -> dict[str, Any]:
    source = checkout / "src"
    with TemporaryDirectory() as folder:
        # There is no .env in that folder, and `-P`: see `side`.
        found = await result_of(
            *("-P", str(SIDE), folder, str(repeats)),
            what=f"counting calls in {checkout.name}",
            env=_environment(source),
            cwd=Path(folder),
        )
    if Path(found["package"]) != source / "alir":
        raise WrongResult(f"alir of {found['package']} was measured, not that of {source}")
    return found


def _environment(source: Path) -> dict[str, str]:
    """The environment without what sets alir up otherwise; sets are walked in the same order."""
    kept = {n: value for n, value in os.environ.items() if not n.startswith(("ALIR_", "OPENAI_"))}
    return {**kept, "PYTHONPATH": str(source), "PYTHONHASHSEED": "0"}


def _counts(run: Mapping[str, Any]) -> dict[str, float]:
    return {name: run[name] for name in COUNTS}


def _median_run(made: Sequence[dict[str, Any]]) -> dict[str, Any]:
    median = median_low(run["calls"] for run in made)
    return next(run for run in made if run["calls"] == median)
