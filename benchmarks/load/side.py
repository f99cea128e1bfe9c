"""A service under `bench load`, in its own process, that reports how late its event loop is.

    python -m benchmarks.load.side SPEC

SPEC is the keyword arguments of `serve` as JSON. It prints `{"url": ...}` when it serves, and then,
every `REPORT_EVERY_S`, `max_stall_ms` and `busiest_ms` of its event loop since, and, of alir,
`places` and `line` (questions under way, and questions that wait) and `ingestions`.
It ends with SIGTERM.
"""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from starlette.types import ASGIApp

from alir.app.application import Alir
from alir.server import uvicorn_server
from alir.server.app import HttpService, real_root
from alir.server.connections.descriptors import raise_limit
from alir.server.connections.listener import open_port
from alir.server.telemetry.logs import log_to_stderr
from alir.settings import Settings
from alir.testing import HashEmbedding
from benchmarks.ask.askers import InstantLLM, their_embedding
from benchmarks.ingest.side import FAKE_DIM
from benchmarks.process import watched_loop

REPORT_EVERY_S = 0.25

Side = Literal["alir", "alir_extractive", "llama_index"]
Counts = Callable[[], dict[str, int]]


async def serve(side: Side, settings: dict[str, Any], *, fake: bool) -> None:
    """Serve until SIGTERM.

    Args:
        side: alir with a language model that takes no time, or without one; or LlamaIndex.
        settings: alir's.
        fake: hash words instead of running the model.
    """
    raise_limit()
    log_to_stderr()
    embedding = HashEmbedding(dim=FAKE_DIM) if fake else None
    alir = Alir(
        Settings.load(**settings),
        embedding=embedding,
        llm=None if side == "alir_extractive" else InstantLLM(),
    )
    _ = alir.ask, alir.ingest  # made before it serves, as `alir serve` does
    # uvicorn raises the signal again once it has stopped.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    async with _application(side, alir) as (app, counts):
        await _serve_and_report(app, counts, drain_s=alir.settings.drain_s)


@asynccontextmanager
async def _application(side: Side, alir: Alir) -> AsyncIterator[tuple[ASGIApp, Counts]]:
    if side != "llama_index":
        service = HttpService(alir, root=real_root(alir.settings.root), only_loopback=True)
        places, ingesting = service.rate_limiter.question_limiter, service.ingestion_queue

        def counts() -> dict[str, int]:
            return {
                "places": places.active,
                "line": places.waiting,
                "ingestions": ingesting.waiting,
            }

        yield service.app, counts
        return
    from llama_index.vector_stores.milvus import MilvusVectorStore  # noqa: PLC0415
    from llama_index.vector_stores.milvus.utils import BM25BuiltInFunction  # noqa: PLC0415

    from benchmarks.load import bare  # noqa: PLC0415

    settings = alir.settings
    store = MilvusVectorStore(
        settings.milvus_uri.get_secret_value(),
        collection_name=settings.collection,
        similarity_metric="COSINE",
        consistency_level=settings.consistency_level,
        # The collection has an index of words, which is kept up; it is searched by meaning.
        enable_sparse=True,
        sparse_embedding_function=BM25BuiltInFunction(),
    )
    app = bare.bare(store, their_embedding(alir), alir.shard.node_parser, top_k=settings.top_k)
    try:
        yield app, dict
    finally:
        await bare.close(store)


async def _serve_and_report(app: ASGIApp, counts: Counts, *, drain_s: int) -> None:
    server = uvicorn_server.server(app, drain_s=drain_s)
    with open_port("127.0.0.1", 0) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        async with watched_loop() as stall:
            while not (server.started or running.done()):  # noqa: ASYNC110  there is no event
                await asyncio.sleep(0.01)
            _report(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
            while not running.done():
                stall.longest_s = stall.busiest_s = 0.0
                await asyncio.wait({running}, timeout=REPORT_EVERY_S)
                _report(
                    max_stall_ms=stall.longest_s * 1000,
                    busiest_ms=stall.busiest_s * 1000,
                    **counts(),
                )
        await running


def _report(**what: Any) -> None:
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


async def prepare(paths: list[str], settings: dict[str, Any], *, fake: bool) -> dict[str, Any]:
    """Ingest the corpus; return its `chunks`, and the `model`."""
    embedding = HashEmbedding(dim=FAKE_DIM) if fake else None
    async with Alir(Settings.load(**settings), embedding=embedding) as alir:
        await alir.ingest.run(paths=[Path(path) for path in paths])
        return {"chunks": await alir.catalog.count_chunks(), "model": alir.model_name}


if __name__ == "__main__":
    asyncio.run(serve(**json.loads(sys.argv[1])))
