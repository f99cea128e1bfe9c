"""The watch: a real folder, a real Milvus Lite, and whatever happens to both."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from workflows.events import Event

from alir import Alir, IngestReport, Settings, WatchPaused
from alir.app.watch import watch
from alir.errors import MilvusUnavailable, PathNotFound, StoreInUse
from alir.testing import HashEmbedding

LIMIT_S = 60.0


@pytest.fixture(scope="session")
def lite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One Milvus Lite file for all tests here: each start of one costs a second."""
    return tmp_path_factory.mktemp("watch") / "watch.db"


@pytest.fixture
async def app(lite_file: Path) -> AsyncIterator[Alir]:
    """An alir of the test's own."""
    settings = Settings.load(milvus_uri=str(lite_file), collection=f"test_{uuid4().hex[:12]}")
    async with Alir(settings, embedding=HashEmbedding(dim=64)) as app:
        yield app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "cats.txt").write_text("Cats sleep most of the day.\n")
    (folder / "bees.txt").write_text("Bees make honey.\n")
    return folder


class Watched:
    """What a watch has told so far."""

    def __init__(self, app: Alir) -> None:
        self.app = app
        self.events: list[Event] = []
        self.news = asyncio.Event()

    @property
    def reports(self) -> list[IngestReport]:
        return [event for event in self.events if isinstance(event, IngestReport)]

    @property
    def pauses(self) -> list[WatchPaused]:
        return [event for event in self.events if isinstance(event, WatchPaused)]

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def mirrors(self, *files: Path) -> None:
        """Wait until the index holds these files, in their present contents.

        The run that wrote them may still be on its way to its report.
        """
        async with asyncio.timeout(LIMIT_S):
            while await held(self.app) != {path: path.read_text().strip() for path in files}:
                await asyncio.sleep(0.1)


async def held(app: Alir) -> dict[Path, str]:
    rows = app.vector_store.scan("", ["file_path", "text"])
    return {Path(row["file_path"]): row["text"].strip() async for row in rows}


@asynccontextmanager
async def watching(app: Alir, *paths: Path, **options: Any) -> AsyncIterator[Watched]:
    """Watch until the first sync is done, and on, until this context ends."""
    watched = Watched(app)
    options = {"ignored": [app.ledger.path, app.settings.lite_path]} | options
    events = watch(paths, ingest=app.ingest, ledger=app.ledger, **options)

    async def listen(events: AsyncGenerator[Event, None]) -> None:
        async with aclosing(events):
            async for event in events:
                watched.events.append(event)
                watched.news.set()

    listening = asyncio.create_task(listen(events))
    try:
        await watched.until(lambda: watched.events or listening.done())
        yield watched
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_what_happens_in_the_folder_happens_in_the_index(app: Alir, folder: Path) -> None:
    cats, bees, new = folder / "cats.txt", folder / "bees.txt", folder / "deep" / "new.txt"
    async with watching(app, folder) as watched:
        await watched.mirrors(cats, bees)
        new.parent.mkdir()
        new.write_text("A new one.\n")
        await watched.mirrors(cats, bees, new)
        cats.write_text("Cats purr.\n")
        await watched.mirrors(cats, bees, new)
        moved = bees.rename(folder / "wasps.txt")
        await watched.mirrors(cats, moved, new)
        new.parent.rename(folder.parent / "away")
        await watched.mirrors(cats, moved)
        cats.unlink()
        await watched.mirrors(moved)
        await watched.until(lambda: watched.reports[-1].files == 1)

    last = next(report for report in watched.reports if report.files == 1)
    assert (last.deleted, last.failed) == (1, [])
    assert watched.pauses == []


async def test_a_burst_of_changes_is_few_syncs(app: Alir, folder: Path) -> None:
    async with watching(app, folder) as watched:
        for number in range(200):
            (folder / f"{number}.txt").write_text(f"The number {number}.\n")
        await watched.until(lambda: watched.reports[-1].files == 202)

    assert 2 <= len(watched.reports) <= 4
    assert sum(report.added for report in watched.reports) == 202


async def test_a_change_during_a_sync_leads_to_one_more(app: Alir, folder: Path) -> None:
    late = folder / "late.txt"
    embedding = app.embedding
    assert isinstance(embedding, HashEmbedding)

    class Writing(HashEmbedding):
        """Writes a file while the first sync embeds, and waits until that must have been seen."""

        async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            if not late.exists():
                late.write_text("Too late for this one.\n")
                await asyncio.sleep(1)
            return await super()._aget_text_embeddings(texts)

    app.shard.embedding = Writing(dim=64)
    async with watching(app, folder) as watched:
        await watched.mirrors(folder / "cats.txt", folder / "bees.txt", late)
        await watched.until(lambda: len(watched.reports) >= 2)

    assert [report.added for report in watched.reports] == [2, 1]


async def test_alirs_own_files_below_the_root_are_no_changes(folder: Path) -> None:
    settings = Settings.load(milvus_uri=str(folder / "index.db"))
    async with (
        Alir(settings, embedding=HashEmbedding(dim=64)) as app,
        aclosing(app.watch([folder])) as events,
    ):
        first = await anext(events)
        (folder / "cats.txt").write_text("Cats purr.\n")
        second = await anext(events)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 1.5)

    # The ledger and its lock lie there like any file, and are synced like any.
    assert isinstance(first, IngestReport)
    assert isinstance(second, IngestReport)
    assert first.added >= 2
    assert second.updated >= 1


async def test_a_failed_file_is_tried_again_when_its_time_has_come(
    app: Alir, folder: Path, clock: Callable[[], float]
) -> None:
    (folder / "broken.json").write_bytes(b"\x00\x01" * 99)
    async with watching(app, folder, clock=clock) as watched:
        await watched.until(lambda: len(watched.reports) == 2)

    [failed] = await app.ledger.failed_files()
    assert (failed.path.name, failed.attempts) == ("broken.json", 2)
    assert [len(report.failed) for report in watched.reports] == [1, 1]


@pytest.fixture
def clock() -> Callable[[], float]:
    """A clock that is a minute ahead: what failed a moment ago is due."""
    import time

    return lambda: time.time() + 60


async def test_an_outage_ends_no_watch(app: Alir, folder: Path) -> None:
    vectors = app.shard.embedding

    class Gone(HashEmbedding):
        """Fails once as a store does that is gone."""

        async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            app.shard.embedding = vectors
            raise MilvusUnavailable("http://gone:19530")

    app.shard.embedding = Gone(dim=64)
    async with watching(app, folder) as watched:
        await watched.mirrors(folder / "cats.txt", folder / "bees.txt")
        await watched.until(lambda: watched.reports)

    [pause] = watched.pauses
    assert "http://gone:19530" in pause.reason
    assert pause.waits_s is not None
    assert [report.added for report in watched.reports] == [2]


async def test_another_run_is_waited_for(app: Alir, folder: Path) -> None:
    async with AsyncExitStack() as other:
        await other.enter_async_context(app.ledger.lock("another run"))
        async with watching(app, folder) as watched:
            assert "another run" in watched.pauses[0].reason
            await other.aclose()
            await watched.until(lambda: watched.reports)

    assert [report.added for report in watched.reports] == [2]


async def test_too_many_deletions_wait_for_the_files_to_come_back(app: Alir, folder: Path) -> None:
    for number in range(20):
        (folder / f"{number}.txt").write_text(f"The number {number}.\n")
    async with watching(app, folder) as watched:
        gone = [path.rename(folder.parent / path.name) for path in folder.glob("1*.txt")]
        gone += [path.rename(folder.parent / path.name) for path in folder.glob("?.txt")]
        await watched.until(lambda: watched.pauses)
        assert "--delete-many" in watched.pauses[0].reason
        assert watched.pauses[0].waits_s is None
        for path in gone:
            path.rename(folder / path.name)
        await watched.until(lambda: len(watched.reports) >= 2)

    last = watched.reports[-1]
    assert (last.files, last.deleted, last.unchanged) == (22, 0, 22)


async def test_a_root_that_goes_and_comes_back_is_watched_again(
    app: Alir, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(folder)
    async with watching(app, tmp_path / "link") as watched:
        away = folder.rename(tmp_path / "away")
        await watched.until(lambda: watched.pauses)
        assert await held(app)
        away.rename(folder)
        await watched.until(lambda: len(watched.reports) == 2)
        (folder / "cats.txt").write_text("Cats purr.\n")
        await watched.mirrors(folder / "cats.txt", folder / "bees.txt")

    assert "does not exist" in watched.pauses[0].reason


async def test_a_file_alone_is_watched_through_the_editors_renaming(
    app: Alir, folder: Path
) -> None:
    cats = folder / "cats.txt"
    async with watching(app, cats) as watched:
        (folder / "cats.tmp").write_text("Cats purr.\n")
        (folder / "cats.tmp").rename(cats)
        await watched.mirrors(cats)
        await watched.until(lambda: len(watched.reports) >= 2)

    assert [report.files for report in watched.reports] == [1, 1]


async def test_a_path_that_is_not_there_is_said_at_once(app: Alir, tmp_path: Path) -> None:
    with pytest.raises(PathNotFound):
        async with aclosing(app.watch([tmp_path / "typo"])) as events:
            await anext(events)


async def test_while_nothing_changes_another_process_may_have_the_milvus_lite_file(
    folder: Path, tmp_path: Path
) -> None:
    settings = Settings.load(milvus_uri=str(tmp_path / "shared.db"))
    async with (
        Alir(settings, embedding=HashEmbedding(dim=64)) as app,
        aclosing(app.watch([folder])) as events,
    ):
        await anext(events)
        second = asyncio.ensure_future(anext(events))
        async with Alir(settings, embedding=HashEmbedding(dim=64)) as other:
            assert await files_held(other) == 2
        (folder / "cats.txt").write_text("Cats purr.\n")
        report = await second

    assert isinstance(report, IngestReport)
    assert report.updated == 1


async def files_held(app: Alir) -> int:
    """How many files the index holds, when the Milvus Lite file is free."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                return await app.catalog.count_files()
            except StoreInUse:
                await asyncio.sleep(0.1)
