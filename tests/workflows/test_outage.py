"""A Milvus that goes away in the middle of an ingestion, and may come back."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from llama_index.core.schema import TextNode
from workflows.events import Event
from workflows.handler import WorkflowHandler

from alir import Alir, AlirMilvusStore, IngestPaused, IngestProgress, IngestReport, IngestResumed
from alir.errors import IngestStopped, MilvusTimeout, MilvusUnavailable
from alir.settings import Settings
from alir.testing import HashEmbedding, MilvusServer

FILES = 140


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of more files than a shard has."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:03d}.txt").write_text(f"File number {number}. " * 200)
    return folder


def alir(uri: str, **settings: float) -> Alir:
    chosen = Settings.load(milvus_uri=uri, collection=f"test_{uuid4().hex[:12]}", **settings)
    return Alir(chosen, embedding=HashEmbedding(dim=64))


async def after_the_first_chunks(run: WorkflowHandler) -> AsyncIterator[Event]:
    """The events of `run`, from the first that tells of chunks in the store."""
    begun = False
    async for event in run.stream_events():
        begun = begun or (isinstance(event, IngestProgress) and event.chunks_written > 0)
        if begun:
            yield event


async def assert_mirrors(app: Alir, report: object) -> None:
    assert isinstance(report, IngestReport)
    assert (report.files, report.failed) == (FILES, [])
    rows = [row["id"] async for row in app.vector_store.scan("", [])]
    assert len(rows) == len(set(rows)) == report.chunks > FILES
    assert await app.catalog.count_files() == FILES
    assert all(one.is_whole for one in await app.catalog.stored_versions())


async def test_a_run_outlives_a_killed_server_and_finishes_when_it_is_back(
    milvus_binary: Path, many: Path
) -> None:
    del milvus_binary  # asked for because it skips where there is none
    told: list[Event] = []
    server = MilvusServer(session_ttl_s=2)
    try:
        await asyncio.to_thread(server.start)
        plain = AlirMilvusStore(server.uri, dim=4, outage_s=100)
        await plain.async_add([TextNode(id_="a", embedding=[1.0, 0, 0, 0])])
        async with alir(server.uri, timeout_s=5, outage_s=100) as app:
            run = app.ingest.run(paths=[many])
            async for event in after_the_first_chunks(run):
                if not told:
                    server.kill()
                if isinstance(event, IngestPaused):
                    with pytest.raises(MilvusUnavailable):  # a question does not wait
                        await app.vector_store.count()
                    added = asyncio.create_task(
                        plain.async_add([TextNode(id_="b", embedding=[1.0, 0, 0, 0])])
                    )
                    await asyncio.to_thread(server.start)
                told.append(event)
            await assert_mirrors(app, await run)
            await added  # it was certainly not sent while there was nobody
            assert await plain.count() == 2
            await plain.aclose()
    finally:
        await asyncio.to_thread(server.stop)
    [paused] = [event for event in told if isinstance(event, IngestPaused)]
    [resumed] = [event for event in told if isinstance(event, IngestResumed)]
    assert server.uri in paused.reason
    assert paused.waits_s == 100
    assert resumed.after_s > 0


async def test_a_run_outlives_the_death_of_milvus_lite(many: Path, tmp_path: Path) -> None:
    path = tmp_path / "mortal.db"

    def kill() -> None:
        [process] = [
            child
            for child in psutil.Process().children(recursive=True)
            if str(path) in child.cmdline()
        ]
        process.send_signal(signal.SIGKILL)

    async with alir(str(path), outage_s=100) as app:
        run = app.ingest.run(paths=[many])
        killed = False
        async for _ in after_the_first_chunks(run):
            if not killed:
                kill()
                killed = True
        assert killed
        await assert_mirrors(app, await run)


async def test_a_run_stops_in_order_when_milvus_stays_away_and_the_next_one_goes_on(
    milvus_server: MilvusServer, many: Path
) -> None:
    async with alir(milvus_server.uri, timeout_s=2, outage_s=1) as app:
        run = app.ingest.run(paths=[many])
        frozen_at = None
        is_away = False
        try:
            async for event in after_the_first_chunks(run):
                if frozen_at is None:
                    milvus_server.freeze()
                    frozen_at = time.time()
                if isinstance(event, IngestPaused):  # its first insert may have taken long, too
                    is_away = event.since >= frozen_at
                assert not (is_away and isinstance(event, IngestResumed))
            with pytest.raises(IngestStopped) as stopped:
                await run
        finally:
            milvus_server.thaw()
        assert is_away
        assert isinstance(stopped.value.__cause__, MilvusTimeout)
        assert f"of {FILES} files" in str(stopped.value)
        assert "Run the same command again" in str(stopped.value)
        await assert_mirrors(app, await app.ingest.run(paths=[many]))


async def test_a_plain_insert_that_may_have_arrived_is_not_repeated(
    milvus_server: MilvusServer,
) -> None:
    collection = f"test_{uuid4().hex[:12]}"
    store = AlirMilvusStore(
        milvus_server.uri, collection_name=collection, dim=4, timeout_s=5, outage_s=5
    )
    await store.async_add([TextNode(id_="a", embedding=[1.0, 0, 0, 0])])
    waits: list[object] = []
    milvus_server.freeze()
    try:
        with store.connection.outages.listen(waits.append, waits.append):
            with pytest.raises(MilvusTimeout):
                await store.async_add([TextNode(id_="b", embedding=[1.0, 0, 0, 0])])
            await asyncio.sleep(0)
    finally:
        milvus_server.thaw()
    assert waits == [], "it did not wait, so as to be made again"
    assert await store.count() in {1, 2}
    await store.aclose()


async def test_a_run_that_is_cancelled_while_it_waits_ends_and_closes(
    milvus_server: MilvusServer, many: Path
) -> None:
    app = alir(milvus_server.uri, timeout_s=2, outage_s=10_000)
    run = app.ingest.run(paths=[many])
    frozen = False
    try:
        async with asyncio.timeout(30):  # the server must not stay frozen for longer
            async for event in after_the_first_chunks(run):
                if not frozen:
                    milvus_server.freeze()
                    frozen = True
                if isinstance(event, IngestPaused):
                    break
            await run.cancel_run()
            await app.aclose()
    finally:
        milvus_server.thaw()
    assert frozen
