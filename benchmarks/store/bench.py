"""`alir bench store`: the tutorial's tables, and the limit beside them.

The JSON, beside what every bench has (`bench`, `repeats`, `machine`):

- `milvus`: what it runs on; `consistency_level`: of the searches; `dim`: of the vectors; `top_k`:
  nodes found by a search.
- `add` and `search`, by count: seconds in all, medians. `sync_s`: LlamaIndex's store, one after the
  other; null where skipped, see `skipped`. `gather_s`: the same store, one await each, all at once,
  as in the tutorial. `alir_s`: the same code on alir's store. `limit_s`: of adds, requests built
  beforehand, on the wire; of searches, many vectors in one search of pymilvus's client, made by
  hand, every hit read. Only for adds: `batch_s`, LlamaIndex's store, all nodes in one call;
  `alir_upsert_s` (with `--upsert`), alir's store replacing nodes of the same id. Only for searches:
  `wire_s`, requests built beforehand, on the wire, with answers that are not read.
- `chunking`, by count: how the searches of `limit_s` and `wire_s` were cut.
- `ratios`, as `add` and `search` by count: `gather_over_alir` (how much faster alir is than the
  tutorial's code), `alir_over_limit`, and of searches `alir_over_wire`.
- `spread` ([smallest, largest]) and `runs` (each repeat's), in the shape of `add` and `search`.
- `skipped`: what was not measured, and why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alir.evaluation.report import machine
from alir.evaluation.report.progress import Progress
from benchmarks.measure import Figure, medians, rounded, runs, spreads
from benchmarks.store.add import measure_adds
from benchmarks.store.bed import Bed
from benchmarks.store.search import TOP_K, measure_searches

SYNC_UP_TO = 1000


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What `bench store` was asked to measure."""

    counts: Sequence[int]
    uri: str | None = None
    """None is a Milvus Lite file of the bench's own."""
    token: str = ""
    dim: int = 768
    repeats: int = 3
    consistency_level: str = "Session"
    sync_up_to: int = SYNC_UP_TO
    """Largest count that is measured one after the other as well."""
    upsert: bool = False


async def measure_store(options: StoreOptions, progress: Progress) -> dict[str, Any]:
    """Measure adds and searches, and return the JSON this module describes.

    Raises:
        WrongResult: rows were missing, or two ways found different nodes.
        AlirError: Milvus cannot be reached.
    """
    described = machine.describe()
    add: dict[str, Mapping[str, Figure | None]] = {}
    search: dict[str, Mapping[str, Figure | None]] = {}
    chunking = {}
    with TemporaryDirectory() as folder:
        bed = Bed(
            options.uri or str(Path(folder) / "bench.db"),
            options.token,
            dim=options.dim,
            consistency_level=options.consistency_level,
        )
        async with bed:
            milvus = await _name(bed)
            for count in options.counts:
                sync = count <= options.sync_up_to
                shared: dict[str, Any] = {
                    "dim": options.dim,
                    "rounds": options.repeats,
                    "sync": sync,
                    "progress": progress,
                }
                skipped = {} if sync else {"sync_s": None}
                adds = await measure_adds(bed, count, upsert=options.upsert, **shared)
                searches, how = await measure_searches(bed, count, **shared)
                add[str(count)] = {**skipped, **adds}
                search[str(count)] = {**skipped, **searches}
                chunking[str(count)] = how
    figures = {"add": add, "search": search}
    return {
        "bench": "store",
        "milvus": milvus,
        "consistency_level": options.consistency_level,
        "dim": options.dim,
        "top_k": TOP_K,
        "repeats": options.repeats,
        **medians(figures),
        "chunking": chunking,
        "ratios": {
            kind: {count: _ratios(ways) for count, ways in by_count.items()}
            for kind, by_count in figures.items()
        },
        "spread": spreads(figures),
        "runs": runs(figures),
        "skipped": _skipped(options),
        "machine": described,
    }


async def _name(bed: Bed) -> str:
    if bed.is_lite:
        return f"Milvus Lite {version('milvus-lite')}"
    return f"Milvus server {await bed.client.get_server_version()}"


def _ratios(ways: Mapping[str, Figure | None]) -> dict[str, float]:
    seconds = {name: figure.median for name, figure in ways.items() if figure is not None}
    alir, limit = seconds["alir_s"], seconds["limit_s"]
    ratios = {
        "gather_over_alir": rounded(seconds["gather_s"] / alir),
        "alir_over_limit": rounded(alir / limit),
    }
    if "wire_s" in seconds:
        ratios["alir_over_wire"] = rounded(alir / seconds["wire_s"])
    return ratios


def _skipped(options: StoreOptions) -> list[str]:
    return [
        f"sync_s of {count:,}: one after the other takes minutes; --all measures it"
        for count in options.counts
        if count > options.sync_up_to
    ]
