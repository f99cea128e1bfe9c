"""One size of `bench growth`, in a process of its own."""

from pathlib import Path
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


async def run(folder: str, *, again: bool = False) -> dict[str, Any]:
    """Ingest `folder` into a Milvus Lite of its own, words hashed instead of a model run.

    Reports `files`, `chunks`, `seconds`, `cpu_s` (of all threads of this process: engine, splitter,
    hashing and store client, not Milvus Lite), `peak_rss_mib` and `milvus_peak_rss_mib`; with
    `again`, `again_s` of a second run that finds nothing changed. A short document goes first, off
    the clock.
    """
    with TemporaryDirectory() as own:
        settings = Settings.load(milvus_uri=str(Path(own) / "growth.db"), collection="growth")
        async with Alir(settings, embedding=HashEmbedding(dim=FAKE_DIM)) as app:
            warm = Path(own) / "warm.txt"
            warm.write_text(WARM, encoding="utf-8")
            first = cast("IngestReport", await app.ingest.run(paths=[warm]))
            started, cpu_started = perf_counter(), process_time()
            report = cast("IngestReport", await app.ingest.run(paths=[folder]))
            seconds, cpu_s = perf_counter() - started, process_time() - cpu_started
            if again:
                started = perf_counter()
                second = cast("IngestReport", await app.ingest.run(paths=[folder]))
                if second.unchanged != report.files or report.failed:
                    raise WrongResult(f"the second run did not find everything unchanged: {second}")
            return {
                "files": report.files,
                "chunks": report.chunks - first.chunks,
                "seconds": seconds,
                "cpu_s": cpu_s,
                **({"again_s": perf_counter() - started} if again else {}),
                "peak_rss_mib": peak_rss_mib(),
                "milvus_peak_rss_mib": children_peak_rss_mib(),
            }
