"""The mirror: after a run the index holds what the folder holds."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from workflows.errors import WorkflowCancelledByUser
from workflows.events import StepStateChanged
from workflows.testing import WorkflowTestRunner

from alir import Alir, Ingest, IngestProgress, IngestReport, LedgerRelearned
from alir.concurrency import turns
from alir.errors import (
    MilvusUnavailable,
    NothingToIngest,
    PathNotFound,
    RunInProgress,
    TooManyDeletions,
)
from alir.settings import Settings
from alir.steps.ingest import read_file
from alir.testing import HashEmbedding
from tests.soak.faults import Faults


async def ingest(app: Alir, *paths: Path, **options: bool) -> IngestReport:
    report = await app.ingest.run(paths=list(paths), **options)
    assert isinstance(report, IngestReport)
    return report


def counts(report: IngestReport) -> dict[str, int]:
    return {
        "added": report.added,
        "updated": report.updated,
        "moved": report.moved,
        "deleted": report.deleted,
        "unchanged": report.unchanged,
        "failed": len(report.failed),
    } | {"files": report.files}


def test_the_graph_is_sound(app: Alir) -> None:
    assert app.ingest.validate() is False


async def test_progress_is_streamed_and_a_report_ends_it(app: Alir, folder: Path) -> None:
    run = await WorkflowTestRunner(app.ingest).run(Ingest(paths=[folder]), expose_internal=False)
    assert set(run.event_types) == {IngestProgress, IngestReport}
    progress = [event for event in run.collected if isinstance(event, IngestProgress)]
    done = [event.files_done for event in progress]
    assert done == sorted(done)
    assert (done[-1], progress[-1].files, progress[-1].chunks_written) == (3, 3, 3)
    assert run.result.bottleneck in run.result.seconds


async def test_a_folder_is_mirrored_through_every_kind_of_change(app: Alir, folder: Path) -> None:
    nothing = {"added": 0, "updated": 0, "moved": 0, "deleted": 0, "unchanged": 0, "failed": 0}
    report = await ingest(app, folder)
    assert counts(report) == nothing | {"added": 3, "files": 3}
    assert report.chunks == 3

    report = await ingest(app, folder)
    assert counts(report) == nothing | {"unchanged": 3, "files": 3}
    assert report.chunks == 3

    (folder / "cats.txt").write_text("Cats purr.\n" * 200)
    report = await ingest(app, folder)
    assert counts(report) == nothing | {"updated": 1, "unchanged": 2, "files": 3}
    texts = [row["text"] async for row in app.vector_store.scan("", ["text"])]
    assert not any("hunt at night" in text for text in texts)
    assert report.chunks == len(texts) > 3

    (folder / "bees.txt").rename(folder / "wasps.txt")
    (folder / "dogs.md").unlink()
    report = await ingest(app, folder)
    assert counts(report) == nothing | {"moved": 1, "deleted": 1, "unchanged": 1, "files": 2}
    paths = {source.path.name async for source in app.catalog.complete_versions()}
    assert paths == {"cats.txt", "wasps.txt"}


class Embedded(HashEmbedding):
    """Remembers which texts it was asked for."""

    texts: list[str] = Field(default_factory=list)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        self.texts += texts
        return await super()._aget_text_embeddings(texts)


async def test_only_text_that_the_index_does_not_hold_is_embedded(app: Alir, folder: Path) -> None:
    model = Embedded(dim=64)
    settings = app.settings.model_copy(update={"chunk_tokens": 32, "chunk_overlap_tokens": 0})
    paragraphs = [f"Paragraph {number} speaks of {number} bees. " * 4 for number in range(9)]
    long = folder / "bees.txt"
    async with Alir(settings, embedding=model) as mirror:
        long.write_text("\n\n".join(paragraphs))
        first = await ingest(mirror, folder)
        assert (first.embedded, first.reused) == (len(model.texts), 0)
        before = {row["text"]: row["embedding"] async for row in vectors(mirror)}

        model.texts.clear()
        paragraphs[4] = "Another one, of wasps. " * 4
        long.write_text("\n\n".join(paragraphs))
        changed = await ingest(mirror, folder)
        assert model.texts
        assert all("wasps" in text for text in model.texts)
        assert (changed.updated, changed.embedded) == (1, len(model.texts))
        assert changed.embedded + changed.reused == await mirror.catalog.count_chunks() - 2

        model.texts.clear()
        (folder / "sub").mkdir()
        long.rename(folder / "sub" / "insects.txt")
        moved = await ingest(mirror, folder)
        assert (moved.moved, moved.deleted, moved.added, moved.unchanged) == (1, 0, 0, 2)
        assert model.texts == []
        assert (moved.embedded, moved.reused) == (0, changed.embedded + changed.reused)
        after = {row["text"]: row["embedding"] async for row in vectors(mirror)}

    kept = before.keys() & after.keys()
    assert len(kept) > 8
    assert {text: after[text] for text in kept} == {text: before[text] for text in kept}


def vectors(app: Alir) -> AsyncIterator[dict[str, Any]]:
    return app.vector_store.scan("", ["text", "embedding"])


async def test_a_folder_that_lost_most_of_its_files_is_not_taken_at_its_word(
    app: Alir, tmp_path: Path
) -> None:
    for number in range(15):
        (tmp_path / f"{number}.txt").write_text(f"This is number {number}.")
    await ingest(app, tmp_path)
    for number in range(14):
        (tmp_path / f"{number}.txt").unlink()
    (tmp_path / "new.txt").write_text("This is new.")

    with pytest.raises(TooManyDeletions, match="14 of the 16 files"):
        await ingest(app, tmp_path)
    assert await app.catalog.count_files() == 16

    report = await app.ingest.run(paths=[tmp_path], delete_many=True)
    assert (report.deleted, report.unchanged, report.chunks) == (14, 2, 2)


async def test_two_folders_in_one_collection_leave_each_other_alone(
    app: Alir, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "folder-2"
    other.mkdir()
    (other / "fish.txt").write_text("Fish swim.")
    await ingest(app, folder)
    await ingest(app, other)
    (folder / "cats.txt").unlink()
    report = await ingest(app, other)
    assert (report.deleted, await app.catalog.count_files()) == (0, 4)
    report = await ingest(app, folder)
    assert (report.deleted, await app.catalog.count_files()) == (1, 3)


async def test_a_folder_that_became_a_file_loses_what_it_held(app: Alir, tmp_path: Path) -> None:
    place = tmp_path / "notes.txt"
    place.mkdir()
    (place / "a.txt").write_text("Cats sleep.")
    await app.ingest.run(paths=[place])
    (place / "a.txt").unlink()
    place.rmdir()
    place.write_text("Dogs bark.")

    report = await app.ingest.run(paths=[place], delete_many=True)

    assert isinstance(report, IngestReport)
    assert (report.added, report.deleted) == (1, 1)
    assert [one.path async for one in app.catalog.complete_versions()] == [place]


async def test_a_bad_file_is_reported_and_the_others_go_on(app: Alir, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    (folder / "empty.txt").touch()
    report = await ingest(app, folder)
    assert (report.added, report.chunks, report.files) == (3, 3, 5)
    assert [one.path.name for one in report.failed] == ["broken.pdf", "empty.txt"]
    assert all(one.reason for one in report.failed)


async def test_a_file_that_breaks_keeps_its_last_good_version(app: Alir, folder: Path) -> None:
    await ingest(app, folder)
    (folder / "cats.txt").write_bytes(b"\x00\x01\x02\x00binary")
    report = await ingest(app, folder)
    assert (len(report.failed), report.deleted, report.chunks) == (1, 0, 3)


async def test_many_files_go_through_many_shards(app: Alir, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number:03d}.txt").write_text(f"File number {number}.")
    report = await ingest(app, tmp_path)
    assert (report.added, report.chunks) == (300, 300)
    report = await ingest(app, tmp_path)
    assert (report.unchanged, report.chunks) == (300, 300)


async def test_one_run_at_a_time_or_two_at_once_come_to_the_same(app: Alir, folder: Path) -> None:
    await asyncio.gather(ingest(app, folder), ingest(app, folder))
    assert await app.catalog.count_chunks() == 3


async def test_bad_paths_are_refused_before_anything_is_written(
    app: Alir, tmp_path: Path, folder: Path
) -> None:
    with pytest.raises(PathNotFound, match="nowhere does not exist"):
        await ingest(app, folder, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToIngest, match="empty"):
        await ingest(app, tmp_path / "empty")
    with pytest.raises(NothingToIngest):
        await ingest(app)
    assert await app.catalog.count_chunks() == 0


async def test_a_milvus_that_is_down_ends_the_run_with_its_name(folder: Path) -> None:
    settings = Settings.load(milvus_uri="http://127.0.0.1:1", timeout_s=2)
    async with Alir(settings, embedding=HashEmbedding()) as app:
        with pytest.raises(MilvusUnavailable, match=r"http://127\.0\.0\.1:1"):
            await ingest(app, folder)


async def test_a_cancelled_run_stops_and_the_next_one_completes(app: Alir, tmp_path: Path) -> None:
    for number in range(140):
        (tmp_path / f"{number:03d}.txt").write_text(f"File number {number}. " * 200)
    handler = app.ingest.run(paths=[tmp_path])
    async for event in handler.stream_events():
        if isinstance(event, IngestProgress) and event.chunks_written:
            await handler.cancel_run()
            break
    with pytest.raises(WorkflowCancelledByUser):
        await handler
    report = await ingest(app, tmp_path)
    assert report.added + report.unchanged == 140
    rows = [row["id"] async for row in app.vector_store.scan("", [])]
    assert len(rows) == len(set(rows)) == report.chunks


async def test_a_run_has_as_many_steps_for_400_files_as_for_40(app: Alir, tmp_path: Path) -> None:
    # The engine keeps what happens in a run until its end: this is why memory does not grow.
    steps = []
    for count in (40, 400):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.txt").write_text(f"{count} {number}")
        run = await WorkflowTestRunner(app.ingest).run(Ingest(paths=[folder]))
        steps.append(run.event_types[StepStateChanged])
    assert steps[0] == steps[1]


def test_a_start_event_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="Ingest has no field path; it has paths"):
        Ingest(path="docs")


async def test_a_file_that_looks_as_it_did_is_not_read_again(
    app: Alir, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in folder.iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    read: set[str] = set()
    really = os.pread

    def watched(descriptor: int, size: int, offset: int) -> bytes:
        inode = os.fstat(descriptor).st_ino
        read.update(path.name for path in folder.iterdir() if path.stat().st_ino == inode)
        return really(descriptor, size, offset)

    monkeypatch.setattr(read_file, "TICK_NS", 0)  # the change times are of this moment
    monkeypatch.setattr(os, "pread", watched)
    await ingest(app, folder)
    assert read == {"bees.txt", "cats.txt", "dogs.md"}

    read.clear()
    report = await ingest(app, folder)
    assert (report.unchanged, read) == (3, set())

    report = await ingest(app, folder, rehash=True)
    assert (report.unchanged, len(read)) == (3, 3), "unless it is asked to"
    read.clear()

    (folder / "cats.txt").write_text("Cats purr.")
    os.utime(folder / "cats.txt", (1_000_000_000, 1_000_000_000))
    report = await ingest(app, folder)
    assert (report.updated, report.unchanged) == (1, 2)
    assert read == {"cats.txt"}

    await app.ledger.aclose()
    app.ledger.path.unlink()
    read.clear()
    run = app.ingest.run(paths=[folder])
    [told] = [one async for one in run.stream_events() if isinstance(one, LedgerRelearned)]
    report = await run
    assert (told.files, report.unchanged, len(read)) == (3, 3, 3), "a lost ledger costs a reading"
    stages = {record.stage async for record in app.ledger.all_sources()}
    assert stages == {"settled"}


async def test_a_second_run_on_one_collection_is_told_who_is_on_it(app: Alir, folder: Path) -> None:
    async with Alir(app.settings, embedding=HashEmbedding(dim=64)) as other:
        async with other.ledger.lock("another ingestion"):
            with pytest.raises(RunInProgress, match=f"another ingestion .process {os.getpid()}"):
                await ingest(app, folder)
        assert (await ingest(app, folder)).added == 3


async def test_what_was_under_way_when_a_run_was_stopped_is_told_until_it_is_done(
    app: Alir, folder: Path
) -> None:
    def stop() -> None:
        raise ConnectionError

    faults = Faults()
    faults.watch(app)
    faults.plan(stop, of="vector_store.async_add")
    with pytest.raises(ConnectionError):
        await ingest(app, folder)
    assert (await app.status())["unsettled"] == 3
    faults.none()
    await ingest(app, folder)
    assert (await app.status())["unsettled"] == 0


async def test_failed_files_are_remembered_until_they_are_well(app: Alir, folder: Path) -> None:
    bad = folder / "bad.pdf"
    bad.write_bytes(b"%PDF-1.4 no more")
    await ingest(app, folder)
    await ingest(app, folder)
    [failed] = (await app.status())["failed"]
    assert (Path(failed["file"]), failed["attempts"]) == (bad, 2)

    bad.unlink()
    await ingest(app, folder)
    assert (await app.status())["failed"] == []


async def test_runs_that_take_turns_leave_every_file_whole(
    app: Alir, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0.0)
    app.shard.shard_chars = 1_000
    bees = folder / "bees.txt"
    lines = [f"Bees of hive {number} make honey, and it has one queen." for number in range(100)]
    bees.write_text("\n\n".join(lines))
    alone = (await ingest(app, folder)).chunks
    bees.unlink()
    await ingest(app, folder)
    bees.write_text("\n\n".join(lines))

    reports = await asyncio.gather(
        ingest(app, bees), ingest(app, folder), ingest(app, folder / "cats.txt"), ingest(app, bees)
    )
    rows = [row async for row in app.vector_store.scan("", ["id", "text"])]

    assert [report.failed for report in reports] == [[]] * 4
    assert [report.added for report in reports].count(1) == 1
    assert len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == len(rows)
    assert len(rows) == alone
