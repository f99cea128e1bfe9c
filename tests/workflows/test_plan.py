"""The plan: what it says is what the run after it does, and it writes nothing."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from workflows.testing import WorkflowTestRunner

from alir import Alir, FilesPlanned, IngestPlan, IngestReport, Plan, Settings
from alir.errors import FingerprintMismatch, NothingToIngest, TooManyDeletions
from alir.models.files import FilePlan
from alir.testing import HashEmbedding

Change = Callable[[Path], object]


class CountingEmbedding(HashEmbedding):
    """Notes how many texts each call had, and takes ten at once."""

    calls: list[int] = Field(default_factory=list)

    def __init__(self) -> None:
        super().__init__(dim=64, embed_batch_size=10)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        self.calls.append(len(texts))
        return await super()._aget_text_embeddings(texts)


class NoEmbedding(HashEmbedding):
    """Must not be called."""

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        raise AssertionError("a plan embeds nothing")


async def planned(app: Alir, *paths: Path, **options: Any) -> tuple[IngestPlan, list[FilePlan]]:
    start = Plan(paths=[*paths], **options)
    run = await WorkflowTestRunner(app.plan).run(start, expose_internal=False)
    assert isinstance(run.result, IngestPlan)
    told = [event for event in run.collected if isinstance(event, FilesPlanned)]
    return run.result, [one for event in told for one in event.planned]


async def ingest(app: Alir, *paths: Path) -> IngestReport:
    report = await app.ingest.run(paths=[*paths])
    assert isinstance(report, IngestReport)
    return report


async def everything(app: Alir) -> tuple[list[str], list[Any], list[Any]]:
    """Each row of the collection and of the ledger."""
    rows = [repr(sorted(row.items())) async for row in app.vector_store.scan("", ["*"])]
    return (
        sorted(rows),
        [one async for one in app.ledger.all_sources()],
        await app.ledger.failed_files(),
    )


def long_text(about: str) -> str:
    return " ".join(
        f"Sentence {number} is about {about} and {number * 7}." for number in range(300)
    )


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder of small files, a long one, and one that cannot be read."""
    folder = tmp_path / "corpus"
    (folder / "deep").mkdir(parents=True)
    for number in range(6):
        (folder / f"{number}.txt").write_text(f"File {number} has {number * 31} words.\n")
    (folder / "deep" / "long.md").write_text(long_text("ants"))
    (folder / "broken.json").write_bytes(b"\x00\x01\x02" * 50)
    return folder


def grow(folder: Path) -> None:
    with (folder / "deep" / "long.md").open("a") as file:
        file.write(" " + long_text("rivers"))


CHANGES: dict[str, Change] = {
    "nothing": lambda folder: None,
    "an edit": lambda folder: (folder / "1.txt").write_text("All other words.\n"),
    "more text": grow,
    "a new file": lambda folder: (folder / "new.txt").write_text(long_text("planes")),
    "a move": lambda folder: (folder / "deep" / "long.md").rename(folder / "deep" / "short.md"),
    "a copy": lambda folder: shutil.copy(folder / "deep" / "short.md", folder / "copy.md"),
    "a deletion": lambda folder: (folder / "2.txt").unlink(),
    "a folder gone": lambda folder: shutil.rmtree(folder / "deep"),
    "an empty file": lambda folder: (folder / "3.txt").write_text(""),
    "a touch": lambda folder: (folder / "4.txt").touch(),
    "a swap": lambda folder: [
        (folder / "0.txt").rename(folder / "x"),
        (folder / "5.txt").rename(folder / "0.txt"),
        (folder / "x").rename(folder / "5.txt"),
    ],
    "a repair": lambda folder: (folder / "broken.json").write_text('{"now": "a text"}'),
    "a move onto another": lambda folder: (folder / "1.txt").rename(folder / "3.txt"),
}


async def test_the_run_does_what_the_plan_said_of_every_change(
    lite_file: Path, corpus: Path
) -> None:
    """One collection, one change after the other; each is planned, then done."""
    embedding = CountingEmbedding()
    settings = Settings.load(milvus_uri=str(lite_file), collection="planned", chunk_tokens=64)
    async with Alir(settings, embedding=embedding) as app:
        for name, change in {"the first run": CHANGES["nothing"], **CHANGES}.items():
            change(corpus)
            before = await everything(app)
            embedding.calls.clear()

            plan, files = await planned(app, corpus)

            assert await everything(app) == before, name
            assert embedding.calls == [], name
            assert Counter(one.action for one in files) == Counter(plan.actions), name
            report = await ingest(app, corpus)
            assert plan.actions == {
                "add": report.added,
                "change": report.updated,
                "move": report.moved,
                "delete": report.deleted,
                "unchanged": report.unchanged,
                "fail": len(report.failed),
            }, name
            assert plan.files == report.files
            assert (plan.to_embed, plan.embedding_calls) == (
                report.embedded,
                len(embedding.calls),
            ), name
            assert plan.to_embed == sum(one.to_embed for one in files), name
            assert {one.path: one.reason for one in files if one.action == "fail"} == {
                one.path: one.reason for one in report.failed
            }


async def test_each_action_comes_with_its_reason(app: Alir, folder: Path) -> None:
    await ingest(app, folder)
    (folder / "cats.txt").write_text("Cats purr.\n")
    (folder / "bees.txt").rename(folder / "wasps.txt")
    (folder / "new.txt").write_text("A new one.\n")
    (folder / "empty.txt").write_text(" \n\n \n")

    plan, files = await planned(app, folder)

    said = {one.path.name: (one.action, one.reason, one.chunks, one.to_embed) for one in files}
    assert said == {
        "cats.txt": ("change", "its content changed", 1, 1),
        "wasps.txt": ("move", f"moved from {folder / 'bees.txt'}", 1, 0),
        "new.txt": ("add", "the index does not hold it", 1, 1),
        "empty.txt": ("fail", "holds no text; leave it out", 0, 0),
        "dogs.md": ("unchanged", "same content", 0, 0),
    }
    assert plan.chunks == 3
    assert (plan.refusal, plan.superseded) == ("", 0)


async def test_what_the_run_would_be_refused_for_the_plan_is_refused_for(
    app: Alir, folder: Path
) -> None:
    await ingest(app, folder)
    settings = app.settings.model_copy(update={"chunk_tokens": 64})
    async with Alir(settings, embedding=HashEmbedding(dim=64)) as other:
        for run in (planned, ingest):
            with pytest.raises(FingerprintMismatch, match="chunks of 256 tokens, not 64"):
                await run(other, folder)


async def test_a_file_that_is_in_parts_is_planned_once(app: Alir, folder: Path) -> None:
    app.shard.shard_chars, app.shard.batch_chunks = 3_000, 4
    for name in ("cats.txt", "dogs.md"):
        (folder / name).write_text("\n\n".join(long_text(f"{name} {n}") for n in range(3)))

    plan, files = await planned(app, folder)
    report = await ingest(app, folder)

    assert len(files) == plan.files == 3
    assert (plan.chunks, plan.to_embed) == (report.chunks, report.embedded)


async def test_the_brake_is_planned_as_it_will_be_pulled(app: Alir, folder: Path) -> None:
    for number in range(20):
        (folder / f"{number}.txt").write_text(f"Number {number}.\n")
    await ingest(app, folder)
    for number in range(15):
        (folder / f"{number}.txt").unlink()

    plan, _ = await planned(app, folder)
    allowed, _ = await planned(app, folder, delete_many=True)
    with pytest.raises(TooManyDeletions) as stopped:
        await ingest(app, folder)

    assert plan.refusal == str(stopped.value)
    assert "--delete-many" in plan.refusal
    assert (plan.actions["delete"], allowed.actions["delete"], allowed.refusal) == (15, 15, "")


async def test_new_files_beside_many_gone_ones_count_for_the_brake(app: Alir, folder: Path) -> None:
    for number in range(20):
        (folder / f"{number}.txt").write_text(f"Number {number}.\n")
    await ingest(app, folder)
    for number in range(15):
        (folder / f"{number}.txt").unlink()
        (folder / f"new {number}.txt").write_text(f"It is all about {number}.\n")

    plan, _ = await planned(app, folder)
    report = await ingest(app, folder)

    assert (plan.refusal, plan.actions["delete"]) == ("", report.deleted)


async def test_a_plan_makes_no_collection_and_takes_no_lock(lite_file: Path, folder: Path) -> None:
    settings = Settings.load(milvus_uri=str(lite_file), collection="never_made")
    async with Alir(settings, embedding=NoEmbedding(dim=64)) as app, app.ledger.lock("another"):
        plan, _ = await planned(app, folder)

        assert (plan.actions["add"], plan.to_embed, plan.embedding_calls) == (3, 3, 1)
        assert not app.vector_store.client.has_collection("never_made")
        assert await everything(app) == ([], [], [])


async def test_a_folder_without_files_is_no_plan(app: Alir, tmp_path: Path) -> None:
    with pytest.raises(NothingToIngest):
        await app.plan.run(start_event=Plan(paths=[tmp_path]))
