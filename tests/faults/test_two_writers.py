"""Two writers of one index, each with a ledger of its own, as on two machines: the later one wins.

No lock keeps them apart. What protects the files is the fencing token: it is drawn before a file is
read, it is in the chunks' ids, and a writer deletes only what has a lower one.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from llama_index.core.node_parser.interface import NodeParser
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    VectorStoreQuery,
    VectorStoreQueryResult,
)
from pydantic import PrivateAttr
from pymilvus import MilvusClient

from alir import Alir, Settings
from alir.events.ingest import IngestReport
from alir.testing import HashEmbedding, MilvusServer
from tests.soak.judge import Chunk, Difference, counted, difference, stored

ORDERS = 20
"""Of each kind, with --hypothesis-profile=soak; `make soak` has it."""
FEWER_ON_LITE, FEWER_ON_A_SERVER = 6, 2
"""In the suite."""
FILES = 40


class StallingStore(BasePydanticVectorStore):
    """A store whose call number `stalls_at` of `method` waits until it is let go."""

    stores_text: bool = True
    inner: BasePydanticVectorStore
    method: str
    stalls_at: int
    _calls: int = PrivateAttr(default=0)
    _stalled: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)
    _go_on: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    @property
    def client(self) -> Any:
        return self.inner.client

    async def stalled(self) -> None:
        await asyncio.wait_for(self._stalled.wait(), 60)

    def go_on(self) -> None:
        self._go_on.set()

    async def _called(self, method: str) -> None:
        self._calls += method == self.method
        if method == self.method and self._calls == self.stalls_at:
            self._stalled.set()
            await self._go_on.wait()

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        await self._called("async_add")
        return await self.inner.async_add(nodes, **kwargs)

    async def adelete_nodes(self, *args: Any, **kwargs: Any) -> None:
        await self._called("adelete_nodes")
        await self.inner.adelete_nodes(*args, **kwargs)

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        return self.inner.add(nodes, **kwargs)

    def delete(self, ref_doc_id: str, **kwargs: Any) -> None:
        self.inner.delete(ref_doc_id, **kwargs)

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        return self.inner.query(query, **kwargs)


@pytest.fixture(params=["lite", "server"])
def uri(request: pytest.FixtureRequest, lite_file: Path) -> str:
    if request.param == "lite":
        return str(lite_file)
    server: MilvusServer = request.getfixturevalue("milvus_server")
    return server.uri


@pytest.fixture
def orders(request: pytest.FixtureRequest, uri: str) -> int:
    long = request.config.getoption("--hypothesis-profile") == "soak"
    fewer = FEWER_ON_A_SERVER if "://" in uri else FEWER_ON_LITE
    return ORDERS if long else fewer


@pytest.fixture
def collection() -> str:
    return f"writers_{uuid4().hex[:12]}"


@pytest.fixture
async def writers(
    uri: str, collection: str, tmp_path: Path
) -> AsyncIterator[tuple[Alir, Alir, Alir]]:
    """Three programs; the last has its own ledger, too, and only looks."""
    async with AsyncExitStack() as stack:
        apps = [
            await stack.enter_async_context(open_writer(uri, collection, tmp_path / f"{n}.ledger"))
            for n in "abc"
        ]
        yield apps[0], apps[1], apps[2]


@pytest.fixture
def client(uri: str, lite_file: Path, writers: Any) -> Iterator[MilvusClient]:
    with closing(MilvusClient(uri, dedicated=True)) as client:
        yield client


def open_writer(uri: str, collection: str, ledger: Path) -> Alir:
    settings = Settings.load(
        milvus_uri=uri,
        collection=collection,
        ledger=ledger,
        chunk_tokens=64,
        chunk_overlap_tokens=0,
        timeout_s=60,
    )
    app = Alir(settings, embedding=HashEmbedding(dim=8))
    app.shard.batch_chunks = 8
    return app


def write(folder: Path, number: int) -> dict[Path, str]:
    """Make the folder's two files those of a number, some 20 chunks each; return their texts."""
    folder.mkdir(exist_ok=True)
    texts = {}
    for name in ("a", "b"):
        words = " ".join(f"{name}{number}x{word}" for word in range(100 + 7 * (number % 5)))
        texts[folder / f"{name}.txt"] = words
        (folder / f"{name}.txt").write_text(words)
    return texts


def differing(
    client: MilvusClient, app: Alir, texts: dict[Path, str], node_parser: NodeParser
) -> Difference:
    rows = stored(client, app.settings.collection)
    found = difference(rows, texts, node_parser)
    hidden = counted(client, app.settings.collection) - len(rows)
    twice = [Chunk("an id with two rows", 0, "")] * hidden
    return Difference(found.lost, (*found.doubled, *twice), found.orphaned)


@pytest.mark.parametrize(
    "stall",
    [("async_add", 1), ("async_add", 3), ("async_add", -1), ("adelete_nodes", 1)],
    ids=["its first chunks", "later chunks", "its heads", "its delete"],
)
async def test_a_writer_that_comes_back_late_does_no_harm(
    writers: tuple[Alir, Alir, Alir],
    client: MilvusClient,
    tmp_path: Path,
    orders: int,
    stall: tuple[str, int],
) -> None:
    late, other, _ = writers
    method, stalls_at = stall
    folder, store = tmp_path / "docs", late.vector_store
    write(folder, 0)
    await late.ingest.run(paths=[folder])
    node_parser, split = late.shard.node_parser, 0
    for number in range(1, 2 * orders, 2):
        texts = write(folder, number)
        if stalls_at == -1:  # the heads are written together, after all other chunks
            plan = await other.plan.run(paths=[folder])
            split = -(-plan.chunks // late.shard.batch_chunks)
        stalling = StallingStore(inner=store, method=method, stalls_at=max(stalls_at, split + 1))
        late.shard.vector_store = stalling
        running = asyncio.ensure_future(late.ingest.run(paths=[folder]))
        await stalling.stalled()
        if stalls_at != 1 or method != "async_add":
            texts = write(folder, number + 1)
        done = await other.ingest.run(paths=[folder])
        assert isinstance(done, IngestReport)
        assert not done.failed
        assert not differing(client, other, texts, node_parser).lost
        stalling.go_on()
        report = await running
        assert isinstance(report, IngestReport)

        found = differing(client, late, texts, node_parser)
        assert not found, f"order {number}: {found}"


Ingesting = Callable[[Path], Awaitable[list[Any]]]


@asynccontextmanager
async def two_at_once(uri: str, collection: str, state: Path) -> AsyncIterator[Ingesting]:
    """Give a function that ingests a folder from two programs together, and returns their reports.

    On a server they are two processes; only one process can have a Milvus Lite file.
    """
    ledgers = [state / f"{name}.ledger" for name in ("first", "second")]
    async with AsyncExitStack() as stack:
        if "://" not in uri:
            apps = [
                await stack.enter_async_context(open_writer(uri, collection, one))
                for one in ledgers
            ]
            yield lambda folder: asyncio.gather(*(_report(app, folder) for app in apps))
            return
        command = [sys.executable, __file__, uri, collection]
        running = [
            await asyncio.create_subprocess_exec(
                *command, str(ledger), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            for ledger in ledgers
        ]
        for one in running:
            stack.push_async_callback(one.wait)
            stack.callback(one.terminate)
        assert [await _line(one) for one in running] == ["ready", "ready"]

        async def ingest(folder: Path) -> list[Any]:
            for one in running:
                assert one.stdin is not None
                one.stdin.write(f"{folder}\n".encode())
            return [await _line(one) for one in running]

        yield ingest


async def _line(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    return json.loads(await process.stdout.readline())


async def _report(app: Alir, folder: Path) -> Any:
    report = await app.ingest.run(paths=[folder])
    assert isinstance(report, IngestReport)
    return report.to_json()


async def test_two_that_ingest_the_same_new_files_at_once_leave_each_file_once(
    uri: str,
    client: MilvusClient,
    writers: tuple[Alir, Alir, Alir],
    tmp_path: Path,
    orders: int,
) -> None:
    *_, looking = writers
    totals = {"lost": 0, "doubled": 0, "orphaned": 0}
    texts: dict[Path, str] = {}
    async with two_at_once(uri, looking.settings.collection, tmp_path) as ingest:
        for number in range(orders):
            folder = tmp_path / f"docs{number}"
            folder.mkdir()
            for name in range(FILES):
                path = folder / f"{name}.txt"
                texts[path] = " ".join(f"n{number}f{name}w{word}" for word in range(30 + name))
                path.write_text(texts[path])
            reports = await ingest(folder)
            assert [one["failed"] for one in reports] == [[], []]

            found = differing(client, looking, texts, looking.shard.node_parser)
            totals["lost"] += len(found.lost)
            totals["doubled"] += len(found.doubled)
            totals["orphaned"] += len(found.orphaned)
    print(f"{orders} times {FILES} files from two writers over {uri}: {totals}")
    assert totals == {"lost": 0, "doubled": 0, "orphaned": 0}
    again = await _report(looking, tmp_path / "docs0")
    assert again["unchanged"] == again["files"] == FILES


async def _obey(uri: str, collection: str, ledger: str) -> None:
    async with open_writer(uri, collection, Path(ledger)) as app:
        await app.catalog.count_chunks()
        print(json.dumps("ready"), flush=True)
        while folder := (await asyncio.to_thread(sys.stdin.readline)).strip():
            print(json.dumps(await _report(app, Path(folder))), flush=True)


if __name__ == "__main__":
    asyncio.run(_obey(*sys.argv[1:]))
