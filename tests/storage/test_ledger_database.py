"""The file: shared with other processes, damaged, on a full disk, where it cannot be."""

import asyncio
import logging
import os
import resource
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import Popen

import pytest

from alir.errors import InvalidSetting, LedgerFailed
from alir.models.records import SourceRecord
from alir.storage.ledger import SqliteLedger

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

    with pytest.raises(LedgerFailed, match="corrupt-1"):
        await late.count_by_stage()

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


async def test_a_process_forked_from_the_one_that_opened_it_is_told_so(
    ledger: SqliteLedger, record: Record
) -> None:
    await ledger.record_sources([record("a")])
    child = os.fork()
    if not child:  # no event loop of its own: asyncio would take the parent's for running
        try:
            ledger.source_records(["a"]).send(None)
        except RuntimeError as error:
            os._exit(0 if "before the fork" in str(error) else 1)
        finally:
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert await ledger.source_records(["a"]) == {"a": record("a")}


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
