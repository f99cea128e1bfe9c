"""The file: shared with other processes, damaged, on a full disk, where it cannot be."""

import asyncio
import logging
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from subprocess import Popen

import pytest

from alir.errors import InvalidSetting, LedgerFailed
from alir.models.records import SourceRecord
from alir.storage.ledger import SqliteLedger
from tests.forked import in_child

Record = Callable[..., SourceRecord]
Run = Callable[..., "Popen[str]"]

NOTHING = {"planned": 0, "written": 0, "verified": 0, "settled": 0}

WRITE = """
import asyncio, sys
from pathlib import Path
from alir.storage.ledger import SqliteLedger
from alir.models.records import SourceRecord

async def main():
    ledger = SqliteLedger(Path(sys.argv[1]), "notes")
    async def write(task):
        number = 0
        while len(sys.argv) < 4 or number < int(sys.argv[3]):
            ids = [f"{sys.argv[2]}-{task}-{number}-{half}" for half in "ab"]
            await ledger.record_sources(
                [SourceRecord(i, Path(i), 1, 1, "h", "v", 1, "settled") for i in ids]
            )
            print(*ids, flush=True)
            number += 1
    await asyncio.gather(*(write(task) for task in range(4)))
    await ledger.aclose()

asyncio.run(main())
"""


async def known(path: Path) -> set[str]:
    ledger = SqliteLedger(path, "notes")
    found = {record.source_id async for record in ledger.all_sources()}
    await ledger.aclose()
    return found


def test_everything_a_killed_process_was_told_is_written_is_there(path: Path, run: Run) -> None:
    acknowledged: set[str] = set()
    for cycle in range(4):
        writer = run(WRITE, str(cycle))
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(0.05 * cycle)
        writer.send_signal(signal.SIGKILL)
        lines = (first + writer.communicate()[0]).splitlines(keepends=True)
        acknowledged |= {one for line in lines if line.endswith("\n") for one in line.split()}

        found = asyncio.run(known(path))

        assert acknowledged <= found
        assert {one[:-1] + "b" for one in found} == {one for one in found if one[-1] == "b"}
    assert len(acknowledged) > 8


def test_processes_make_and_write_one_file_at_once(path: Path, run: Run) -> None:
    writers = [run(WRITE, str(number), "25") for number in range(4)]
    told = [writer.communicate(timeout=60)[0].split() for writer in writers]

    assert [writer.returncode for writer in writers] == [0] * 4
    assert [len(ids) for ids in told] == [200] * 4
    assert asyncio.run(known(path)) == {one for ids in told for one in ids}


async def test_another_process_reads_while_one_is_writing(path: Path, run: Run) -> None:
    writer = run(WRITE, "w")
    assert writer.stdout is not None
    ledger = SqliteLedger(path, "notes")
    sizes = []
    for _ in range(5):
        ids = writer.stdout.readline().split()
        assert len(await ledger.source_records(ids)) == 2
        sizes.append(sum((await ledger.count_by_stage()).values()))

    assert sizes == sorted(sizes)
    assert all(size % 2 == 0 for size in sizes), "never a transaction by half"
    await ledger.aclose()


@pytest.mark.parametrize("where", ["everywhere but the header", "in its later pages"])
async def test_a_damaged_file_is_moved_aside_and_made_anew(
    path: Path, record: Record, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    ledger = SqliteLedger(path, "notes")
    await ledger.record_sources([record(f"{number:04}") for number in range(1000)])
    await ledger.aclose()
    aside = path.with_name(f"{path.name}.corrupt-1")
    content = path.read_bytes()
    kept = 100 if where == "everywhere but the header" else len(content) // 4
    path.write_bytes(content[:kept] + b"\x5a" * (len(content) - kept))

    if where == "everywhere but the header":
        with caplog.at_level(logging.WARNING):
            assert await ledger.count_by_stage() == NOTHING
        assert f"moved to {aside}" in caplog.text
    else:  # it opens, and shows only when it is read
        with pytest.raises(LedgerFailed, match=f"moved to {aside}") as failed:
            await ledger.count_by_stage()
        assert failed.value.retryable

    assert await ledger.count_by_stage() == NOTHING
    await ledger.record_sources([record("a")])
    assert await ledger.source_records(["a"]) == {"a": record("a")}
    assert aside.read_bytes()[:16] == content[:16]
    await ledger.aclose()


async def test_what_another_process_made_anew_is_not_moved_aside(
    path: Path, record: Record
) -> None:
    late, first = SqliteLedger(path, "notes"), SqliteLedger(path, "notes")
    await late.record_sources([record(f"{number:04}") for number in range(1000)])
    await late.aclose()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 4] + b"\x5a" * (3 * len(content) // 4))
    assert await late.fingerprint() is None  # it has the file open, and reads no damaged page yet
    with pytest.raises(LedgerFailed):
        await first.count_by_stage()
    await first.record_sources([record("a")])
    assert sorted(one.name for one in path.parent.glob("*corrupt*")) == [
        f"{path.name}.corrupt-1",
        f"{path.name}.corrupt-1-shm",
        f"{path.name}.corrupt-1-wal",
    ]

    with pytest.raises(LedgerFailed, match="was deleted or replaced"):
        await late.count_by_stage()
    assert len(list(path.parent.glob("*corrupt*"))) == 3

    for ledger in (first, late):
        assert await ledger.source_records(["a"]) == {"a": record("a")}
        await ledger.aclose()


async def test_a_second_damaged_file_does_not_overwrite_the_first(
    path: Path, record: Record
) -> None:
    for expected in ("milvus.ledger.corrupt-1", "milvus.ledger.corrupt-2"):
        ledger = SqliteLedger(path, "notes")
        await ledger.record_sources([record("a")])
        await ledger.aclose()
        path.write_bytes(path.read_bytes()[:100] + b"\x5a" * 8000)

        assert await ledger.source_records(["a"]) == {}
        assert path.with_name(expected).exists()
        await ledger.aclose()


def limit_files_to(size_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


async def test_a_disk_without_room_is_an_error_that_names_the_file(
    ledger: SqliteLedger, path: Path, record: Record
) -> None:
    await ledger.record_sources([record("before")])
    limit_files_to(path.with_name(f"{path.name}-wal").stat().st_size + 8192)
    try:
        with pytest.raises(LedgerFailed, match=str(path)) as failed:
            await ledger.record_sources([record(f"{number:05}") for number in range(5000)])
    finally:
        limit_files_to(resource.RLIM_INFINITY)

    assert not failed.value.retryable
    assert [one async for one in ledger.all_sources()] == [record("before")]
    await ledger.record_sources([record("after")])
    assert len(await ledger.source_records(["before", "after"])) == 2


async def test_a_full_database_is_an_error_that_names_the_file(
    ledger: SqliteLedger, path: Path, record: Record
) -> None:
    def no_more_pages(db: sqlite3.Connection) -> None:
        db.execute("PRAGMA max_page_count = 1")

    await ledger._database.run_in_thread(no_more_pages)

    with pytest.raises(LedgerFailed, match="disk is full") as failed:
        await ledger.record_sources([record(f"{number:05}") for number in range(500)])

    assert str(path) in str(failed.value)
    assert await ledger.source_records(["00000"]) == {}


async def test_a_place_where_no_file_can_be_is_a_wrong_setting(path: Path) -> None:
    path.parent.write_text("not a folder")
    ledger = SqliteLedger(path, "notes")

    with pytest.raises(InvalidSetting, match=f"ALIR_LEDGER: the folder {path.parent} cannot"):
        await ledger.count_by_stage()
    await ledger.aclose()

    path.parent.unlink()
    path.mkdir(parents=True)
    with pytest.raises(InvalidSetting, match=f"ALIR_LEDGER: {path} cannot be opened"):
        await ledger.count_by_stage()
    await ledger.aclose()


async def test_a_place_where_no_lock_can_be_is_a_wrong_setting(path: Path) -> None:
    path.parent.write_text("not a folder")

    with pytest.raises(InvalidSetting, match=f"the folder {path.parent} cannot be made"):
        async with SqliteLedger(path, "notes").lock("alir ingest"):
            pass


async def test_a_forked_child_opens_it_again_and_leaves_its_parents_alone(
    ledger: SqliteLedger, record: Record
) -> None:
    await ledger.record_sources([record("a")])

    async def use() -> set[str]:
        await ledger.record_sources([record("b")])
        found = await ledger.source_records(["a", "b"])
        await ledger.aclose()
        return set(found)

    assert in_child(lambda: asyncio.run(use())) == {"a", "b"}

    await ledger.record_sources([record("c")])
    assert set(await ledger.source_records(["a", "b", "c"])) == {"a", "b", "c"}


def test_a_child_that_ends_in_the_midst_of_its_parents_transaction_does_not_undo_it(
    path: Path, record: Record
) -> None:
    """At its end Python deletes what it has, and SQLite would roll back what is open."""
    program = """
import asyncio, os, sys, threading
from pathlib import Path
from alir.storage.ledger import SqliteLedger
ledger = SqliteLedger(Path(sys.argv[1]), "notes")
begun, ended = threading.Event(), threading.Event()

def write(db, _):
    db.execute("INSERT INTO fingerprint VALUES ('x', '{}')")
    begun.set()
    ended.wait(60)

async def main():
    writing = asyncio.ensure_future(ledger._write(write, None))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    return writing

loop = asyncio.new_event_loop()
writing = loop.run_until_complete(main())
if not (child := os.fork()):
    del ledger, writing
    sys.exit(0)
os.waitpid(child, 0)
ended.set()
loop.run_until_complete(writing)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT collection FROM fingerprint").fetchall() == [("x",)]
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _put_garbage_in_place(path: Path) -> None:
    path.with_suffix(".new").write_bytes(b"garbage " * 1000)
    path.with_suffix(".new").replace(path)


def _write_garbage_into(path: Path) -> None:
    path.write_bytes(b"garbage " * 10_000)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _drop_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        for table in ("source", "failure", "fingerprint"):
            db.execute(f"DROP TABLE {table}")
        db.commit()


IN_PLACE = (_write_garbage_into, _empty)
"""SQLite has the pages of such a file in memory, and may overwrite it in turn."""


async def failure_of(call: Callable[[], Awaitable[object]]) -> LedgerFailed | None:
    try:
        await call()
    except LedgerFailed as error:
        return error
    return None


@pytest.mark.parametrize(
    "harm", [Path.unlink, _put_garbage_in_place, _write_garbage_into, _empty, _drop_tables]
)
async def test_a_file_that_was_harmed_under_a_running_program_is_told_and_then_made_anew(
    ledger: SqliteLedger, path: Path, record: Record, harm: Callable[[Path], object]
) -> None:
    await ledger.record_sources([record("a")])
    harm(path)

    told = [await failure_of(lambda: ledger.record_sources([record("b")])) for _ in range(2)]
    assert set(await ledger.source_records(["b"])) == {"b"}
    await ledger.aclose()  # what was overwritten in its place may be noticed only now
    told += [await failure_of(lambda: ledger.record_sources([record("b")])) for _ in range(2)]
    assert set(await ledger.source_records(["b"])) == {"b"}

    failures = [one for one in told if one is not None]
    assert all(one.retryable and str(path) in str(one) for one in failures)
    assert len(failures) <= 1
    assert failures or harm in IN_PLACE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_cannot_be_written_is_a_wrong_setting(
    ledger: SqliteLedger, path: Path
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o500)

    with pytest.raises(InvalidSetting, match="permission denied"):
        await ledger.is_empty()


async def test_a_process_without_descriptors_is_told_so_and_goes_on_when_it_has_some(
    ledger: SqliteLedger,
) -> None:
    await asyncio.to_thread(str)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        with pytest.raises(LedgerFailed, match="too many open files"):
            await ledger.is_empty()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert await ledger.is_empty()


def test_the_files_are_their_owners_alone(path: Path, record: Record) -> None:
    before = os.umask(0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o644)
        asyncio.run(SqliteLedger(path, "notes").record_sources([record("a")]))
    finally:
        os.umask(before)

    made = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert {path.name, f"{path.name}-wal", f"{path.name}-shm"} <= made.keys()
    assert set(made.values()) == {0o600}


async def test_waiting_for_another_process_does_not_hold_up_the_event_loop(
    ledger: SqliteLedger, path: Path, record: Record
) -> None:
    await ledger.record_sources([record("a")])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        recording = asyncio.create_task(ledger.record_sources([record("b")]))
        for _ in range(20):
            await asyncio.sleep(0.005)  # never, if the event loop waited for the other's end
        assert not recording.done()
        other.execute("ROLLBACK")
    await recording

    assert len(await ledger.source_records(["a", "b"])) == 2
