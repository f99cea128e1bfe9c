"""`alir bench sync`: what it costs to keep an index like a folder that hardly changes.

A folder of many files is brought into a new Milvus Lite, again with nothing changed, again after
one file was touched, and after a sentence was added to one: each run a process of its own. The
JSON, beside what every bench has (`bench`, `repeats`, `machine`):

- `files`, `embedding`.
- `runs_of`, by run (`first`, `again`, `touched`, `edited`): medians of what `sync_side` reports.
- `share_of_first`: `seconds` of `again` over those of `first`; `share_with_opening`: the same with
  `open_s`, the start of Milvus Lite, on both sides.
- `spread` and `runs`: in the shape of `runs_of`.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alir.app.application import Alir
from alir.errors import NothingToIngest
from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from alir.settings import Settings
from alir.steps.ingest.read_file import TICK_NS
from alir.testing import HashEmbedding
from benchmarks.child import in_child
from benchmarks.corpus import files_below, read
from benchmarks.ingest.side import FAKE_DIM
from benchmarks.measure import WrongResult, by_key, medians, rounded, runs, spreads


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What `bench sync` was asked to measure."""

    paths: Sequence[Path]
    files: int = 1000
    repeats: int = 3
    fake: bool = False


async def measure_sync(options: SyncOptions, progress: Progress) -> dict[str, Any]:
    """Measure the runs and return the JSON this module describes.

    Raises:
        WrongResult: a run failed, or did other work than its change asked for.
        AlirError: the paths or the model cannot be used.
    """
    described = machine.describe()
    text = "\n\n".join(document.text for document in read(files_below(options.paths)))
    if not text.strip():
        raise NothingToIngest(", ".join(map(str, options.paths)), "hold no text")
    settings = Settings.load()
    found: dict[str, list[dict[str, Any]]] = {}
    for number in range(options.repeats):
        with TemporaryDirectory() as folder:
            docs = Path(folder) / "docs"
            files = _parted(text, options.files, docs)
            spec = {"folder": str(docs), "uri": str(Path(folder) / "sync.db")}
            # Times of so short ago may hide a write, and the files would be read again.
            await asyncio.sleep(1.1 * TICK_NS / 1e9)
            for name, change in _CHANGES.items():
                progress(f"{name}, round {number + 1} of {options.repeats}")
                change(files[len(files) // 2])
                one = await in_child("sync", **spec, model=settings.embed_model, fake=options.fake)
                _check(name, one, options.files)
                found.setdefault(name, []).append(one)
    figures = {name: by_key(each) for name, each in found.items()}
    first, again = figures["first"], figures["again"]
    whole = {name: one["seconds"].median + one["open_s"].median for name, one in figures.items()}
    embedding = HashEmbedding(dim=FAKE_DIM) if options.fake else None
    return {
        "bench": "sync",
        "repeats": options.repeats,
        "files": options.files,
        "embedding": Alir(settings, embedding=embedding).model_name,
        "runs_of": medians(figures),
        "share_of_first": rounded(again["seconds"].median / first["seconds"].median),
        "share_with_opening": rounded(whole["again"] / whole["first"]),
        "spread": spreads(figures),
        "runs": runs(figures),
        "machine": described,
    }


def _edit(file: Path) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write("\n\nAnd one more sentence stands at its end.")


_CHANGES = {"first": lambda _: None, "again": lambda _: None, "touched": os.utime, "edited": _edit}


def _check(name: str, one: dict[str, Any], files: int) -> None:
    expected = {"first": (files, 0), "edited": (0, 1)}.get(name, (0, 0))
    if (one["added"], one["updated"]) != expected or one["files"] != files:
        raise WrongResult(f"the run {name} did other work than there was: {one}")


def _parted(text: str, count: int, folder: Path) -> list[Path]:
    """Cut `text` into `count` files of as many characters each; none has another's text."""
    folder.mkdir()
    size = -(-len(text) // count)
    written = []
    for number in range(count):
        path = folder / f"part-{number:06}.txt"
        start = number * size
        path.write_text(f"Part {number}.\n\n{text[start : start + size]}", encoding="utf-8")
        written.append(path)
    return written
