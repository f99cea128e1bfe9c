"""The service on a real port, in this process, with hashed words for vectors."""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from alir import AlirMilvusStore
from alir.app.application import Alir
from alir.models.key_scope import Scope
from alir.server.app import HttpService, real_root
from alir.server.connections.listener import open_port
from alir.server.uvicorn_server import server as uvicorn_server
from alir.settings import Settings
from alir.storage import keys
from alir.storage.service_database import open_service_database
from alir.testing import HashEmbedding

ENDED = {"done", "failed", "cancelled"}
PATIENCE_S = 30.0
CERTIFICATES = ssl.create_default_context()
"""Loaded once: httpx loads them for each client, which takes a twentieth of a second."""


@dataclass
class Served:
    """A service that answers at `url`."""

    service: HttpService
    alir: Alir
    root: Path
    url: str
    client: httpx.AsyncClient
    """Without a key."""
    path: Path
    """The service's own file."""
    _stack: AsyncExitStack = field(repr=False)

    def secret(self, scope: Scope = "admin", tenant: str = "", name: str = "") -> str:
        """Make a key."""
        with open_service_database(self.path) as db:
            return keys.add(db, name or uuid4().hex, scope, tenant)

    async def caller(self, scope: Scope = "admin", tenant: str = "") -> httpx.AsyncClient:
        """Make a key, and who uses it."""
        headers = {"Authorization": f"Bearer {self.secret(scope, tenant)}"}
        client = httpx.AsyncClient(
            base_url=self.url, headers=headers, timeout=PATIENCE_S, verify=CERTIFICATES
        )
        return await self._stack.enter_async_context(client)

    async def ended(self, client: httpx.AsyncClient, ingestion: dict[str, Any]) -> dict[str, Any]:
        """Wait for the end of an ingestion; return what is told of it then."""
        async with asyncio.timeout(PATIENCE_S):
            while ingestion["state"] not in ENDED:
                await asyncio.sleep(0.02)
                ingestion = (await client.get(f"/v1/ingestions/{ingestion['id']}")).json()
        return ingestion

    async def hold(self, client: httpx.AsyncClient, **texts: str) -> dict[str, Any]:
        """Upload texts, by name without the suffix; return what became of them."""
        files = [("file", (f"{name}.txt", text)) for name, text in texts.items()]
        answer = await client.post("/v1/files", files=files)
        assert answer.status_code == 202, answer.text
        return await self.ended(client, answer.json()["ingestion"])

    async def begin(self, *paths: str, status: int = 202) -> dict[str, Any]:
        """Ask for an ingestion without a key; return the answer."""
        answer = await self.client.post("/v1/ingestions", json={"paths": [*paths]})
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def settled(self) -> None:
        """Wait until no question runs and each is counted: that is after the last byte."""
        async with asyncio.timeout(20):
            while self.service.rate_limiter.question_limiter.active:
                await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without the settings of whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith(("ALIR_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def lite_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One Milvus Lite file for all that runs in this process: each start of one takes a second."""
    path = tmp_path_factory.mktemp("server") / "milvus.db"
    store = AlirMilvusStore(str(path))
    store.clear()  # opens the file, and keeps it open
    yield path
    store.close()


@pytest.fixture
def serving(lite_file: Path, desk: Path) -> Callable[..., Any]:
    """Serve in this process: `async with serving(settings...) as served`."""
    collection = f"test_{uuid4().hex[:12]}"

    @asynccontextmanager
    async def serve(*, only_loopback: bool = True, **settings: Any) -> AsyncIterator[Served]:
        given = {
            "milvus_uri": str(lite_file),
            "collection": collection,
            "ledger": desk / "ledger",
            "root": desk / "documents",
            "chunk_tokens": 64,
            "chunk_overlap_tokens": 8,
        }
        chosen = Settings.load(**given | settings)
        alir = Alir(chosen, embedding=HashEmbedding())
        root = real_root(chosen.root)
        service = HttpService(alir, root=root, only_loopback=only_loopback)
        server = uvicorn_server(service.app, drain_s=chosen.drain_s)
        listener = open_port("127.0.0.1", 0)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.005)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(
                    httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, verify=CERTIFICATES)
                )
                yield Served(service, alir, root, url, client, chosen.service_path, stack)
        finally:
            server.should_exit = True
            await task

    return serve


@pytest.fixture
async def served(serving: Callable[..., Any]) -> AsyncIterator[Served]:
    """A service without a key, on loopback."""
    async with serving() as one:
        yield one


@pytest.fixture
def walk(served: Served) -> Callable[..., Awaitable[list[tuple[str, str, int]]]]:
    """Ask every method of every route there is; return each with the status of its answer."""

    async def walked(client: httpx.AsyncClient, id_: str = "0" * 32) -> list[tuple[str, str, int]]:
        found = []
        for route in served.service.routes:
            path = re.sub(r"{\w+}", id_, route.path)
            for method in sorted(route.methods or {"GET"}):
                answer = await client.request(method, path)
                found.append((method, route.path, answer.status_code))
        return found

    return walked
