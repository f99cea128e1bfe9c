"""One run of `bench sync`, in a process of its own."""

from time import perf_counter
from typing import Any, cast

from alir.app.application import Alir
from alir.events.ingest import IngestReport
from alir.settings import Settings
from alir.testing import HashEmbedding
from benchmarks.ingest.side import FAKE_DIM
from benchmarks.process import watched_loop
from tests.soak.faults import Faults

WRITES = ("vector_store.async_add", "vector_store.adelete")
"""Begin the names of what changes the collection."""


async def run(folder: str, uri: str, *, model: str, fake: bool) -> dict[str, Any]:
    """Bring `folder` into the collection at `uri`, which stays for the next run.

    Reports `open_s` (until Milvus answered the first call), `seconds` (the run after that),
    `embedding_calls` and `writes` (calls of the embedding and calls that change the collection),
    `max_stall_ms`, and of the run's report `files`, `added`, `updated`, `unchanged`, `chunks`,
    `embedded`, `reused`.
    """
    settings = Settings.load(milvus_uri=uri, collection="sync", embed_model=model)
    embedding = HashEmbedding(dim=FAKE_DIM) if fake else None
    async with Alir(settings, embedding=embedding) as app:
        counted = Faults()
        counted.watch(app)
        started = perf_counter()
        await app.catalog.count_chunks()
        opened = perf_counter()
        async with watched_loop() as stall:
            report = cast("IngestReport", await app.ingest.run(paths=[folder]))
        return {
            "open_s": opened - started,
            "seconds": perf_counter() - opened,
            "embedding_calls": _number(counted, "embedding."),
            "writes": _number(counted, *WRITES),
            "max_stall_ms": stall.longest_s * 1000,
            "files": report.files,
            "added": report.added,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "chunks": report.chunks,
            "embedded": report.embedded,
            "reused": report.reused,
        }


def _number(counted: Faults, *begins: str) -> int:
    return sum(name.startswith(begins) for name in counted.calls)
