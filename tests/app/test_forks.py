"""`Alir` in forked children: of a program that used it before, a pool's workers, a pre-forking
server's."""

import asyncio
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from alir import Alir, Settings
from alir.testing import HashEmbedding
from tests.forked import in_child, skip_where_another_channel_is_open

QUESTION = "How long do cats sleep?"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Alir]:
    """An app that was used already, with files ingested."""
    skip_where_another_channel_is_open()
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.md").write_text(f"# Cats {number}\n\nCats sleep {number} hours.")
    settings = Settings.load(milvus_uri=str(tmp_path / "app.db"))
    app = Alir(settings, embedding=HashEmbedding(dim=64))
    ingest(app)
    assert "Cats sleep" in ask(app)
    yield app
    asyncio.run(app.aclose())


def ingest(app: Alir) -> int:
    folder = Path(app.settings.milvus_uri).parent / "docs"
    return asyncio.run(_ingest(app, folder))


async def _ingest(app: Alir, folder: Path) -> int:
    return int((await app.ingest.run(paths=[folder])).files)


def ask(app: Alir) -> str:
    return asyncio.run(_ask(app))


async def _ask(app: Alir) -> str:
    return str((await app.ask.run(question=QUESTION)).text)


def everything(app: Alir, name: str) -> tuple[int, str, int]:
    """Use each part: files, answers, conversations, the retriever."""
    folder = Path(app.settings.milvus_uri).parent / "docs"
    (folder / f"{name}.md").write_text(f"# {name}\n\nDogs of {name} bark.")
    files = ingest(app)
    asyncio.run(_talk(app, name))
    return files, ask(app), len(app.retriever.retrieve("Dogs bark"))


async def _talk(app: Alir, name: str) -> None:
    await app.agent.run(question=QUESTION, session=name)


@pytest.mark.parametrize("before", [lambda _: None, lambda app: asyncio.run(app.aclose())])
def test_a_child_does_all_that_its_parent_does_also_after_a_close(
    app: Alir, before: Callable[[Alir], None]
) -> None:
    before(app)

    files, answer, found = in_child(lambda: everything(app, "child"))

    assert files == 5
    assert "Cats sleep" in answer
    assert found > 0
    assert everything(app, "parent")[0] == 6


def test_workers_of_a_pool_that_are_replaced_after_a_few_tasks_answer(app: Alir) -> None:
    """As Celery's do: forked off a parent that used the app, many tasks in each."""
    global _shared  # noqa: PLW0603  what a worker has of its parent
    _shared = app
    with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=3) as pool:
        answers = pool.map_async(_ask_shared, range(12), chunksize=1).get(timeout=150)

    assert len({pid for pid, _ in answers}) >= 4
    assert all("Cats sleep" in answer for _, answer in answers)
    assert "Cats sleep" in ask(app)


_shared: Alir | None = None


def _ask_shared(_: int) -> tuple[int, str]:
    assert _shared is not None
    return os.getpid(), ask(_shared)


def test_workers_of_a_pre_forking_server_answer_on_one_socket(app: Alir) -> None:
    """As gunicorn's do with `--preload`."""

    async def answer(_: Request) -> JSONResponse:
        return JSONResponse({"pid": os.getpid(), "text": await _ask(app)})

    service = Starlette(routes=[Route("/", answer)])
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        workers = [_worker(service, listening) for _ in range(2)]
        try:
            with ThreadPoolExecutor(8) as clients:
                answers = list(
                    clients.map(lambda _: httpx.get(address, timeout=100).json(), range(24))
                )
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
                os.waitpid(worker, 0)

    assert {one["pid"] for one in answers} <= set(workers)
    assert all("Cats sleep" in one["text"] for one in answers)
    assert "Cats sleep" in ask(app)


def _worker(service: Starlette, listening: socket.socket) -> int:
    if worker := os.fork():
        return worker
    try:
        server = uvicorn.Server(uvicorn.Config(service, log_level="critical"))
        asyncio.run(server.serve(sockets=[listening]))
    finally:
        os._exit(0)


def test_one_app_serves_event_loops_of_several_threads_and_again_after_a_close(app: Alir) -> None:
    async def use() -> list[str]:
        asked = await asyncio.gather(*(_ask(app) for _ in range(6)))
        await _talk(app, threading.current_thread().name)
        found = await app.retriever.aretrieve("Cats sleep")
        return [*asked, found[0].get_content()]

    for _ in range(2):
        with ThreadPoolExecutor(4) as threads:
            used = list(threads.map(lambda _: asyncio.run(use()), range(4)))
        assert all("sleep" in text for texts in used for text in texts)
        asyncio.run(app.aclose())
