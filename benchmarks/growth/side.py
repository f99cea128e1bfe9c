"""One size of `bench growth`, in a process of its own."""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, cast

from alir.app.application import Alir
from alir.events.ingest import IngestReport
from alir.settings import Settings
from alir.testing import HashEmbedding
from benchmarks.ingest.side import FAKE_DIM, WARM
from benchmarks.measure import WrongResult
from benchmarks.process import children_peak_rss_mib, peak_rss_mib

ONE_MORE_RUNS = 9


async def run(folder: str, kind: str) -> dict[str, Any]:
    """Ingest `folder` into a Milvus Lite of its own, words hashed instead of a model run.

    Reports `files`, `chunks`, `seconds`, `cpu_s` (of all threads of this process: engine, splitter,
    hashing and store client, not Milvus Lite), `peak_rss_mib` and `milvus_peak_rss_mib`; of the
    kind `depths`, `again_s` of a second run that finds nothing changed; of `files`, `one_more_ms`
    of a run over one new file. A short document goes first, off the clock.
    """
    with TemporaryDirectory() as own:
        settings = Settings.load(milvus_uri=str(Path(own) / "growth.db"), collection="growth")
        async with Alir(settings, embedding=HashEmbedding(dim=FAKE_DIM)) as app:
            warm = Path(own) / "warm.txt"
            warm.write_text(WARM, encoding="utf-8")
            first = await _ingest(app, warm)
            started, cpu_started = perf_counter(), process_time()
            report = await _ingest(app, Path(folder))
            seconds, cpu_s = perf_counter() - started, process_time() - cpu_started
            more = {}
            if kind == "depths":
                more["again_s"] = await _again_s(app, Path(folder), report)
            elif kind == "files":
                more["one_more_ms"] = await _one_more_ms(app, Path(own))
            return {
                "files": report.files,
                "chunks": report.chunks - first.chunks,
                "seconds": seconds,
                "cpu_s": cpu_s,
                **more,
                "peak_rss_mib": peak_rss_mib(),
                "milvus_peak_rss_mib": children_peak_rss_mib(),
            }


async def _again_s(app: Alir, folder: Path, report: IngestReport) -> float:
    started = perf_counter()
    second = await _ingest(app, folder)
    if second.unchanged != report.files or report.failed:
        raise WrongResult(f"the second run did not find everything unchanged: {second}")
    return perf_counter() - started


async def _one_more_ms(app: Alir, folder: Path) -> float:
    """Return the median time of runs over one new file each."""
    took = []
    for number in range(ONE_MORE_RUNS):
        path = folder / f"more{number}.txt"
        path.write_text(f"{WARM} {number}", encoding="utf-8")
        started = perf_counter()
        report = await _ingest(app, path)
        took.append(1000 * (perf_counter() - started))
        if report.added != 1:
            raise WrongResult(f"a run over one new file did not add it: {report}")
    return median(took)


async def _ingest(app: Alir, path: Path) -> IngestReport:
    return cast("IngestReport", await app.ingest.run(paths=[path]))
