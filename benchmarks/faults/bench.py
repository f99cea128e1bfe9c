"""Update a folder into a fault, with alir and with LlamaIndex's pipeline: what does a query see?"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alir.errors import MilvusUnavailable
from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from benchmarks.faults.sides import AlirSide, PipelineSide, Seen, Side
from benchmarks.measure import WrongResult
from benchmarks.store.bed import Bed
from tests.soak.faults import Moment
from tests.soak.judge import chunks_of

FILES = 12
"""All their chunks, of two versions, are fewer than the passages one question may ask for."""
DIM = 64


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, once, in the run that updates the folder."""

    of: str
    """What is called: the embedding, or the store's `async_add`."""
    moment: Moment
    call: int = 1
    ends: bool = False
    """The process ends there, and what it had in memory is gone; otherwise the call raises."""
    undone: bool = False
    """The folder is as it was before the update, when the next run begins."""


FAULTS = {
    "the embedding model fails in mid-update": Fault("embedding", "before", call=2),
    "the store refuses the new chunks": Fault("add", "before"),
    "the store's answer is lost after the write": Fault("add", "after"),
    "the process ends while it embeds": Fault("embedding", "before", call=2, ends=True),
    "the same, and the change is undone": Fault(
        "embedding", "before", call=2, ends=True, undone=True
    ),
    "the process ends right after the write": Fault("add", "after", ends=True),
}
SIDES: dict[str, Callable[[Bed, Path], Side]] = {"alir": AlirSide, "pipeline": PipelineSide}


async def measure_faults(progress: Progress) -> dict[str, Any]:
    """Return the JSON of `alir bench faults`: files by what a query saw of them, by fault and side.

    Half of the files change and one is deleted; each side gets the folder, then the update with
    the fault (`after_the_fault`), then the same update without (`after_the_next_run`).

    Raises:
        WrongResult: a fault did not happen, or something was wrong before it.
    """
    described = machine.describe()
    found: dict[str, dict[str, Any]] = {}
    with TemporaryDirectory() as folder:
        uri = str(Path(folder) / "faults.db")
        async with Bed(uri, "", dim=DIM, consistency_level="Session") as bed:
            for number, (name, fault) in enumerate(FAULTS.items()):
                for side, at in SIDES.items():
                    progress(f"{side}: {name}")
                    docs = Path(folder) / f"{side}-{number}"
                    docs.mkdir()
                    found.setdefault(name, {})[side] = await _tried(at(bed, docs), fault)
    return {"bench": "faults", "files": FILES, "faults": found, "machine": described}


async def _tried(side: Side, fault: Fault) -> dict[str, Any]:
    old, new = _texts(side.folder, 1), _texts(side.folder, 2)
    _write(side.folder, old)
    await side.open()
    try:
        await side.ingest()
        if _judged(await side.seen(), {}, old, side)["right"] != FILES:
            raise WrongResult("a run without a fault did not make the collection the folder")
        _write(side.folder, new)

        def act() -> None:
            if not fault.ends:
                raise MilvusUnavailable("a fault of the bench")
            side.end()

        side.faults.plan(act, of=fault.of, call=fault.call, moment=fault.moment)
        await side.ingest()
        if not side.faults.happened:
            raise WrongResult("the fault did not happen")
        side.faults.none()
        if fault.ends:
            await side.restart()
        failed = _judged(await side.seen(), old, new, side)
        last = old if fault.undone else new
        _write(side.folder, last)
        await side.ingest()
        return {
            "after_the_fault": failed,
            "after_the_next_run": _judged(await side.seen(), {}, last, side),
        }
    finally:
        await side.close()


def _texts(folder: Path, version: int) -> dict[Path, str]:
    """Three chunks a file; in version 2 the first half changed, and the last file is gone."""
    texts = {}
    for number in range(FILES - (version == 2)):
        of = version if number < FILES // 2 else 1
        words = (f"basalt file{number} version{of} word{word}" for word in range(12))
        texts[folder / f"{number:02}.txt"] = " ".join(words)
    return texts


def _write(folder: Path, texts: Mapping[Path, str]) -> None:
    for path, text in texts.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    for path in set(folder.iterdir()) - texts.keys():
        path.unlink()


def _judged(
    seen: Seen, old: Mapping[Path, str], new: Mapping[Path, str], side: Side
) -> dict[str, int]:
    """Count the files that a query sees wholly and once, and those it does not.

    Args:
        old: a version that may still be seen; empty after a run in which nothing went wrong.
    """
    judged = Counter(right=0, lost=0, doubled=0, orphaned=0)
    for path in seen.keys() | old.keys() | new.keys():
        held = Counter(seen.get(path, ()))
        allowed = [
            Counter(chunks_of(one[path], side.node_parser)) for one in (old, new) if path in one
        ]
        if path not in new and held and not old:
            judged["orphaned"] += 1
        elif held in allowed or not (held or path in new):
            judged["right"] += 1
        else:
            judged["doubled" if any(one <= held for one in allowed) else "lost"] += 1
    return dict(judged)
