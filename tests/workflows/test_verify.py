"""Verify: each difference of folder, ledger and index is told, mended, and then gone.

Each is made by hand: through pymilvus, in the ledger's SQLite file, or in the folder.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymilvus import MilvusClient

from alir import Alir, AlirMilvusStore, Settings, VerifyReport
from alir.errors import PathNotFound, RunInProgress, TooManyDeletions
from alir.models.files import source_id
from alir.steps.ingest.recover import ABANDONED_US
from alir.testing import HashEmbedding, MilvusServer
from tests.soak.judge import difference, stored

LONG = "long.txt"
SENTENCES = [f"Sentence number {n} says that {n} times two is {2 * n}.\n" for n in range(400)]


@pytest.fixture(scope="module")
def lite_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Milvus Lite file that stays open: each start of one takes a second."""
    path = tmp_path_factory.mktemp("verify") / "milvus.db"
    store = AlirMilvusStore(str(path))
    store.clear()
    yield path
    store.close()


@pytest.fixture(params=["lite"])
def uri(request: pytest.FixtureRequest, lite_file: Path) -> str:
    """Milvus Lite, or a server where a test asks for it."""
    if request.param == "lite":
        return str(lite_file)
    server: MilvusServer = request.getfixturevalue("milvus_server")
    return server.uri


@pytest.fixture
def client(uri: str) -> Iterator[MilvusClient]:
    """pymilvus's client, with nothing of alir's in between."""
    with closing(MilvusClient(uri, dedicated=True)) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "folder"
    folder.mkdir()
    (folder / "cats.txt").write_text("Cats sleep most of the day. They hunt at night.\n")
    (folder / "bees.txt").write_text("Bees make honey. A hive has one queen.\n")
    (folder / LONG).write_text("".join(SENTENCES))
    for path in folder.iterdir():  # old enough that the times show a later write
        os.utime(path, ns=(10**18, 10**18))
    return folder


@pytest.fixture
async def app(uri: str, tmp_path: Path, folder: Path) -> AsyncIterator[Alir]:
    settings = Settings.load(
        milvus_uri=uri,
        collection=f"verify_{uuid4().hex[:12]}",
        ledger=tmp_path / "a.ledger",
    )
    async with Alir(settings, embedding=HashEmbedding(dim=64)) as app:
        await app.ingest.run(paths=[folder])
        yield app


class Hand:
    """Changes rows and records behind alir's back."""

    def __init__(self, client: MilvusClient, app: Alir, folder: Path) -> None:
        self.client, self.app, self.folder = client, app, folder
        self.collection = app.settings.collection

    def rows(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.query(
            self.collection,
            filter=f'doc_id == "{source_id(self.folder / name)}"',
            output_fields=["*"],
            limit=1000,
            consistency_level="Strong",
        )
        return sorted(found, key=lambda row: int(row["chunk_index"]))

    def delete(self, *rows: dict[str, Any]) -> None:
        self.client.delete(self.collection, ids=[row["id"] for row in rows])

    def insert(self, row: dict[str, Any], **changes: Any) -> None:
        row = {key: value for key, value in row.items() if not key.startswith("$")}
        self.client.insert(self.collection, [row | changes])

    def change(self, row: dict[str, Any], **changes: Any) -> None:
        self.delete(row)
        self.insert(row, **changes)

    def ledger(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.app.ledger.path)) as db, db:
            assert db.execute(statement, values).rowcount > 0


@pytest.fixture
def hand(client: MilvusClient, app: Alir, folder: Path) -> Hand:
    return Hand(client, app, folder)


async def verified(app: Alir, *paths: Path, **options: Any) -> VerifyReport:
    report = await app.verify.run(paths=[*paths], **options)
    assert isinstance(report, VerifyReport)
    return report


def told(report: VerifyReport) -> list[tuple[str, str]]:
    return [(one.path.name, one.kind) for one in report.remaining]


async def assert_mirror(app: Alir, client: MilvusClient, folder: Path) -> None:
    """Judge from outside: rows against texts, and the count of all rows."""
    rows = stored(client, app.settings.collection)
    texts = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert not difference(rows, texts, app.shard.node_parser)
    assert await app.catalog.count_chunks() == len(rows)


def test_the_workflow_is_well_formed(app: Alir) -> None:
    app.verify.validate()


@pytest.mark.parametrize("below", [True, False])
async def test_of_what_agrees_nothing_is_told(app: Alir, folder: Path, below: bool) -> None:
    for repair in (False, True):
        report = await verified(app, *([folder] if below else []), repair=repair)
        assert report.differences == report.remaining == report.mended == []
        assert (report.files, report.rows) == (3, await app.catalog.count_chunks())
        assert not report.run_in_progress


def lose_most_rows(hand: Hand) -> None:
    hand.delete(*hand.rows(LONG)[1:])


def lose_all_heads(hand: Hand) -> None:
    for name in ("cats.txt", "bees.txt", LONG):
        hand.delete(hand.rows(name)[0])


def lose_a_file(hand: Hand) -> None:
    hand.delete(*hand.rows("cats.txt"))


def double_a_row(hand: Hand) -> None:
    hand.insert(hand.rows(LONG)[1])


def change_a_text(hand: Hand) -> None:
    hand.change(hand.rows(LONG)[-1], text="Somebody else's words.")


def change_a_position(hand: Hand) -> None:
    hand.change(hand.rows(LONG)[2], chunk_index=1)


def change_the_hash(hand: Hand) -> None:
    hand.change(hand.rows(LONG)[0], content_hash="0" * 64)


def change_a_path(hand: Hand) -> None:
    hand.change(hand.rows(LONG)[2], file_path=str(hand.folder / "cats.txt"))


def change_a_source(hand: Hand) -> None:
    hand.change(hand.rows(LONG)[2], doc_id=source_id(hand.folder / "cats.txt"))


def leave_an_old_version(hand: Hand) -> None:
    row = hand.rows("cats.txt")[0]
    hand.insert(row, id="0" * 32, generation=row["generation"] - 1, version="older")


def leave_a_started_version(hand: Hand) -> None:
    row = hand.rows("cats.txt")[0]
    row.pop("chunk_count")
    hand.insert(row, id="0" * 32, generation=row["generation"] - 1, version="older")


def write_unseen(hand: Hand) -> None:
    """As a write through mmap does: neither the size nor the ledger's times show it."""
    path = hand.folder / "cats.txt"
    path.write_text(path.read_text().replace("Cats", "Bats"))
    status = path.stat()
    hand.ledger(
        "UPDATE source SET mtime_ns = ?, ctime_ns = ? WHERE source_id = ?",
        status.st_mtime_ns,
        status.st_ctime_ns,
        source_id(path),
    )


def add_a_file(hand: Hand) -> None:
    (hand.folder / "new.txt").write_text("Nobody has read this yet.")


def remove_a_file(hand: Hand) -> None:
    (hand.folder / "bees.txt").unlink()


def forget_a_record(hand: Hand) -> None:
    hand.ledger("DELETE FROM source WHERE source_id = ?", source_id(hand.folder / "cats.txt"))


def change_records(hand: Hand) -> None:
    hand.ledger("UPDATE source SET version = 'v', generation = 1, chunks = 99, content_hash = 'h'")


def leave_a_record_unsettled(hand: Hand) -> None:
    hand.ledger(
        "UPDATE source SET stage = 'planned' WHERE source_id = ?",
        source_id(hand.folder / "cats.txt"),
    )


def keep_a_record(hand: Hand) -> None:
    gone = hand.folder / "never.txt"
    hand.ledger(
        "INSERT INTO source SELECT collection, ?, ?, size_bytes, mtime_ns, content_hash, version, "
        "chunks, stage, replaces, ctime_ns, generation FROM source WHERE source_id = ?",
        source_id(gone),
        os.fsencode(gone),
        source_id(hand.folder / "cats.txt"),
    )


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (lose_most_rows, {(LONG, "chunks missing")}),
        (
            lose_all_heads,
            {
                (LONG, "no head"),
                *((name, "not held") for name in ("bees.txt", "cats.txt", LONG)),
                *((name, "index denies it") for name in ("bees.txt", "cats.txt", LONG)),
            },
        ),
        (lose_a_file, {("cats.txt", "not held"), ("cats.txt", "index denies it")}),
        (double_a_row, {(LONG, "rows doubled")}),
        (change_a_text, {(LONG, "wrong text")}),
        (change_a_position, {(LONG, "wrong positions")}),
        (
            change_the_hash,
            {(LONG, "wrong hash"), (LONG, "ledger disagrees")},
        ),
        (change_a_path, {("cats.txt", "wrong source"), (LONG, "chunks missing")}),
        (change_a_source, {(LONG, "wrong source"), (LONG, "chunks missing")}),
        (leave_an_old_version, {("cats.txt", "old version")}),
        (leave_a_started_version, {("cats.txt", "no head")}),
        (write_unseen, {("cats.txt", "other content")}),
        (add_a_file, {("new.txt", "not held")}),
        (remove_a_file, {("bees.txt", "gone")}),
        (forget_a_record, {("cats.txt", "ledger lacks it")}),
        (
            change_records,
            {(name, "ledger disagrees") for name in ("bees.txt", "cats.txt", LONG)},
        ),
        (leave_a_record_unsettled, {("cats.txt", "ledger unsettled")}),
        (keep_a_record, {("never.txt", "ledger keeps it")}),
    ],
)
async def test_a_difference_is_told_mended_and_gone(
    app: Alir,
    hand: Hand,
    folder: Path,
    fault: Callable[[Hand], None],
    kinds: set[tuple[str, str]],
) -> None:
    client = hand.client
    fault(hand)
    before = stored(client, hand.collection)

    compared = await verified(app, folder)

    assert {*told(compared)} == kinds
    assert all(one.sentence for one in compared.differences)
    assert stored(client, hand.collection) == before
    if fault is not add_a_file:  # which nothing but the folder knows
        assert {*told(await verified(app))} == kinds

    repaired = await verified(app, folder, repair=True)

    assert {(one.path.name, one.kind) for one in repaired.mended} == kinds
    assert repaired.remaining == []
    assert (await verified(app)).differences == []
    await assert_mirror(app, client, folder)
    report = await app.ingest.run(paths=[folder])
    assert report.unchanged == report.files, "the ledger's records are right"


@pytest.mark.parametrize("uri", ["lite", "server"], indirect=True)
async def test_many_differences_at_once_are_mended(
    app: Alir, client: MilvusClient, hand: Hand, folder: Path
) -> None:
    faults = (double_a_row, change_a_text, change_a_path, leave_an_old_version, remove_a_file)
    for fault in (*faults, add_a_file, change_records, keep_a_record):
        fault(hand)

    told_first = {*told(await verified(app, folder))}
    repaired = await verified(app, folder, repair=True)

    assert told_first == {
        *((LONG, kind) for kind in ("rows doubled", "wrong text", "chunks missing")),
        *((name, "ledger disagrees") for name in ("cats.txt", LONG)),
        *(("cats.txt", kind) for kind in ("old version", "wrong source")),
        ("bees.txt", "gone"),
        ("new.txt", "not held"),
        ("never.txt", "ledger keeps it"),
    }
    assert {(one.path.name, one.kind) for one in repaired.mended} == told_first
    assert repaired.remaining == []
    await assert_mirror(app, client, folder)


async def test_a_record_of_another_files_id_is_mended(
    app: Alir, client: MilvusClient, hand: Hand, folder: Path
) -> None:
    other = folder / "other.txt"
    cats = source_id(folder / "cats.txt")
    hand.ledger("UPDATE source SET path = ? WHERE source_id = ?", os.fsencode(other), cats)

    kinds = {("other.txt", "ledger keeps it"), ("cats.txt", "ledger lacks it")}
    assert {*told(await verified(app, folder))} == kinds
    assert (await verified(app, folder, repair=True)).remaining == []
    await assert_mirror(app, client, folder)


async def test_a_file_that_failed_stays_a_difference_until_it_can_be_read(
    app: Alir, client: MilvusClient, folder: Path
) -> None:
    (folder / "empty.txt").write_text("")
    await app.ingest.run(paths=[folder])

    for repair in (False, True):
        report = await verified(app, folder, repair=repair)
        assert told(report) == [("empty.txt", "failed")]
        assert "it failed, as it is empty" in report.remaining[0].sentence
    assert [one.attempts for one in await app.ledger.failed_files()] == [2], "it was tried again"

    (folder / "empty.txt").write_text("Not any more.")
    assert (await verified(app, folder, repair=True)).remaining == []
    assert await app.ledger.failed_files() == []
    await assert_mirror(app, client, folder)


async def test_failures_of_files_that_are_held_or_gone_are_forgotten(
    app: Alir, folder: Path
) -> None:
    reasons = {folder / "cats.txt": "was away", folder / "never.txt": "was away"}
    await app.ledger.record_failures(reasons, 0)

    kinds = [("cats.txt", "ledger disagrees"), ("never.txt", "ledger keeps it")]
    assert told(await verified(app, folder)) == kinds
    assert (await verified(app, repair=True)).remaining == []
    assert await app.ledger.failed_files() == []


async def test_rows_that_alir_did_not_write_are_counted_named_and_kept(
    app: Alir, client: MilvusClient, hand: Hand, folder: Path
) -> None:
    row = {key: hand.rows("cats.txt")[0][key] for key in ("text", "doc_id", "embedding")}
    hand.insert(row, id="somebody's own".replace("'", ""))

    report = await verified(app, repair=True)

    assert report.differences == []
    assert (report.foreign, report.foreign_ids) == (1, ["somebodys own"])
    assert client.get(hand.collection, ids=["somebodys own"])


async def test_a_version_that_another_program_may_be_writing_is_told_and_kept(
    app: Alir, hand: Hand, folder: Path
) -> None:
    row = hand.rows("cats.txt")[0]
    row.pop("chunk_count")
    row["generation"] += ABANDONED_US  # later than the live one, and than the ledger's
    hand.insert(row, id="0" * 32, version="newer")

    report = await verified(app, folder, repair=True)

    assert told(report) == [("cats.txt", "being written")]
    assert report.mended == []
    assert len(hand.rows("cats.txt")) == 2


async def test_only_what_lies_below_the_paths_is_looked_at(
    app: Alir, hand: Hand, folder: Path
) -> None:
    hand.delete(*hand.rows(LONG)[1:])

    assert told(await verified(app, folder / "cats.txt", repair=True)) == []
    assert told(await verified(app, folder / LONG)) == [(LONG, "chunks missing")]


async def test_a_path_that_nobody_knows_is_an_error_and_one_that_is_gone_is_not(
    app: Alir, folder: Path
) -> None:
    with pytest.raises(PathNotFound):
        await verified(app, folder / "nothing")
    (folder / "bees.txt").unlink()
    assert told(await verified(app, folder / "bees.txt")) == [("bees.txt", "gone")]


async def test_a_repair_deletes_many_files_only_if_it_may(
    app: Alir, client: MilvusClient, hand: Hand, folder: Path
) -> None:
    for path in folder.iterdir():
        path.unlink()
    before = stored(client, hand.collection)

    for paths in ([], [folder]):
        with pytest.raises(TooManyDeletions):
            await verified(app, *paths, repair=True)
        assert stored(client, hand.collection) == before

    assert (await verified(app, repair=True, delete_many=True)).remaining == []
    assert stored(client, hand.collection) == []
    assert await app.ledger.is_empty()


async def test_a_file_that_was_moved_keeps_its_vectors(
    app: Alir, client: MilvusClient, folder: Path
) -> None:
    (folder / "cats.txt").rename(folder / "felines.txt")

    report = await verified(app, folder, repair=True)

    assert {(one.path.name, one.kind) for one in report.mended} == {
        ("cats.txt", "gone"),
        ("felines.txt", "not held"),
    }
    await assert_mirror(app, client, folder)


@pytest.mark.parametrize("text", ["", "Bees dance.\n"])
async def test_a_wrong_version_is_kept_until_a_changed_file_is_ingested(
    app: Alir, hand: Hand, folder: Path, text: str
) -> None:
    hand.insert(hand.rows("bees.txt")[0])
    (folder / "bees.txt").write_text(text)

    for _ in range(2):
        report = await verified(app, folder, repair=True)

        kinds = [] if text else [("bees.txt", "failed"), ("bees.txt", "rows doubled")]
        assert told(report) == kinds
        assert len(hand.rows("bees.txt")) == 1


async def test_while_a_run_is_in_progress_a_comparison_says_so_and_a_repair_waits_for_nobody(
    app: Alir, folder: Path
) -> None:
    async with app.ledger.lock("an ingestion"):
        assert "an ingestion (process" in (await verified(app, folder)).run_in_progress
        with pytest.raises(RunInProgress):
            await verified(app, folder, repair=True)
    assert (await verified(app, folder)).run_in_progress == ""


async def test_an_ingestion_notices_missing_rows_by_itself(
    app: Alir, client: MilvusClient, hand: Hand, folder: Path
) -> None:
    rows = hand.rows(LONG)
    hand.delete(*rows[1:])

    report = await app.ingest.run(paths=[folder])

    assert [(one.path.name, one.reason) for one in report.mended] == [
        (LONG, f"the index holds 1 of its {len(rows)} chunks")
    ]
    assert (report.updated, report.unchanged, report.failed) == (1, 2, [])
    await assert_mirror(app, client, folder)


class Forgetful:
    """A catalog that leaves rows out of its first answer."""

    def __init__(self, catalog: Any) -> None:
        self._catalog, self.answers = catalog, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)

    async def stored_chunks(self, **options: Any) -> AsyncIterator[Any]:
        self.answers += 1
        left_out = self.answers == 1
        async for row in self._catalog.stored_chunks(**options):
            if not left_out:
                yield row

    async def surplus_rows(self, counts: Any) -> Any:
        return await self._catalog.surplus_rows(counts)


async def test_nothing_is_told_or_deleted_for_one_incomplete_answer(
    app: Alir, client: MilvusClient, hand: Hand, folder: Path
) -> None:
    before = stored(client, hand.collection)
    app.ingest.catalog = catalog = Forgetful(app.ingest.catalog)  # type: ignore[assignment]

    report = await verified(app, folder, repair=True)

    assert catalog.answers == 2
    assert report.differences == []
    assert stored(client, hand.collection) == before
