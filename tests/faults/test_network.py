"""An ingestion whose way to Milvus fails, at random moments, and the run after it.

A run goes on, or ends with a `DependencyError`; the next one leaves the collection exactly as the
folder is. The first of the tests prints the seed, from which the changes and the faults follow.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from random import Random, SystemRandom
from uuid import uuid4

import pytest

from alir import Alir, Settings
from alir.errors import DependencyError
from alir.events.ingest import IngestReport
from alir.testing import FaultProxy, HashEmbedding, MilvusServer
from alir.testing.fault_proxy import Fault
from tests.soak.changing_folder import ChangingFolder
from tests.soak.mirror import Mirror

CHUNKS = {"chunk_tokens": 64, "chunk_overlap_tokens": 8}
TIMEOUT_S = 1.0
HANGS_S = 60.0
"""No run lasts so long: it is no measure, but what tells a hang from a wait."""


class Bed:
    """A folder, a collection of a real server, and the proxy between that and alir."""

    proxy: FaultProxy

    def __init__(self, folder: Path, server: MilvusServer) -> None:
        seed = SystemRandom().randrange(10**6)
        print(f"seed {seed}")
        self.server = server
        self.random = Random(seed)  # noqa: S311  to be had again
        self.folder = ChangingFolder(folder, self.random, files=20)
        self.collection = f"test_{uuid4().hex[:12]}"

    async def ingest(self, uri: str, timeout_s: float = 10.0) -> IngestReport:
        settings = Settings.load(
            milvus_uri=uri, collection=self.collection, timeout_s=timeout_s, **CHUNKS
        )
        async with asyncio.timeout(HANGS_S), Alir(settings, embedding=HashEmbedding()) as app:
            app.shard.batch_chunks = 8
            report = await app.ingest.run(paths=[self.folder.root])
            assert isinstance(report, IngestReport)
            return report

    async def ingest_while(
        self, fail: Callable[[], Awaitable[None]]
    ) -> IngestReport | DependencyError:
        """Change the folder and ingest it through the proxy while `fail` makes it fail."""
        self.folder.change(15)
        run = asyncio.create_task(self.ingest(self.proxy.uri, TIMEOUT_S))
        await fail()
        try:
            return await run
        except DependencyError as error:
            return error

    async def sent(self, pieces: int) -> None:
        """Return when so many more pieces went through the proxy."""
        until = self.proxy.sends + pieces
        async with asyncio.timeout(HANGS_S):
            while self.proxy.sends < until:
                await asyncio.sleep(0.002)

    async def divergence_after_a_run_without_faults(self) -> object:
        while True:
            try:
                await self.ingest(self.server.uri)
                break
            except DependencyError:  # a server that was started again takes a moment
                await asyncio.sleep(0.5)
        mirror = Mirror(self.server.uri, self.collection, **CHUNKS)
        return await asyncio.to_thread(mirror.divergence, self.folder.root)


@pytest.fixture(scope="module")
def shared_bed(milvus_server: MilvusServer, tmp_path_factory: pytest.TempPathFactory) -> Bed:
    """One folder and collection for all tests here: to make a collection takes seconds."""
    return Bed(tmp_path_factory.mktemp("network") / "docs", milvus_server)


@pytest.fixture
async def bed(shared_bed: Bed) -> AsyncIterator[Bed]:
    async with FaultProxy(shared_bed.server.uri) as shared_bed.proxy:
        await shared_bed.ingest(shared_bed.server.uri)
        yield shared_bed


@pytest.fixture(scope="module")
def mortal_server(milvus_binary: Path) -> Iterator[MilvusServer]:
    """A server that may be killed: nobody else's."""
    with MilvusServer(session_ttl_s=3) as server:
        yield server


@pytest.mark.parametrize("fault", ["drop responses", "freeze", "reset", "refuse"])
async def test_a_fault_of_the_network_is_made_good_by_the_next_run(bed: Bed, fault: Fault) -> None:
    async def fail() -> None:
        await bed.proxy.fail(fault, after_sends=bed.random.randint(1, 40))
        async with asyncio.timeout(HANGS_S):
            while bed.proxy.fault == "none":
                await asyncio.sleep(0.002)
        await asyncio.sleep(bed.random.uniform(0.1, 1.5 * TIMEOUT_S))
        await bed.proxy.fail("none")

    for _ in range(2):
        await bed.ingest_while(fail)
        assert not await bed.divergence_after_a_run_without_faults()


async def test_a_slow_network_only_takes_longer(bed: Bed) -> None:
    async def fail() -> None:
        bed.proxy.latency_s = 0.02

    assert isinstance(await bed.ingest_while(fail), IngestReport)
    assert not await bed.divergence_after_a_run_without_faults()


async def test_a_frozen_server_is_made_good_by_the_next_run(bed: Bed) -> None:
    async def fail() -> None:
        await bed.sent(bed.random.randint(1, 40))
        bed.server.freeze()
        try:
            await asyncio.sleep(bed.random.uniform(0.1, 1.5 * TIMEOUT_S))
        finally:
            bed.server.thaw()

    for _ in range(2):
        await bed.ingest_while(fail)
        assert not await bed.divergence_after_a_run_without_faults()


async def test_a_server_killed_and_started_again_is_made_good_by_the_next_run(
    mortal_server: MilvusServer, tmp_path: Path
) -> None:
    bed = Bed(tmp_path / "docs", mortal_server)
    async with FaultProxy(mortal_server.uri) as bed.proxy:
        await bed.ingest(mortal_server.uri)

        async def fail() -> None:
            await bed.sent(bed.random.randint(10, 40))
            await asyncio.to_thread(mortal_server.kill)
            await asyncio.to_thread(mortal_server.start)

        await bed.ingest_while(fail)
        assert not await bed.divergence_after_a_run_without_faults()
