"""The schema: an older ledger is brought up to date, a newer one and other files are left alone."""

import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from alir.errors import InvalidSetting
from alir.models.records import FailedFile, SourceRecord
from alir.storage.ledger import SqliteLedger
from alir.storage.ledger_schema import MIGRATIONS, prepare
from alir.storage.sqlite_file import transaction

# What the first release wrote. It never changes: such files are out there.
VERSION_1 = """
CREATE TABLE source (
    collection TEXT NOT NULL, source_id TEXT NOT NULL, path BLOB NOT NULL,
    size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    content_hash TEXT NOT NULL, version TEXT NOT NULL, chunks INTEGER NOT NULL,
    stage TEXT NOT NULL, replaces TEXT NOT NULL, PRIMARY KEY (collection, source_id)
) WITHOUT ROWID;
CREATE INDEX source_by_content ON source (collection, content_hash);
CREATE INDEX source_unsettled ON source (collection) WHERE stage <> 'settled';
CREATE TABLE failure (
    collection TEXT NOT NULL, path BLOB NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
    first_s REAL NOT NULL, last_s REAL NOT NULL, next_try_s REAL NOT NULL,
    PRIMARY KEY (collection, path)
) WITHOUT ROWID;
CREATE TABLE fingerprint (collection TEXT PRIMARY KEY, made_with TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO source VALUES ('notes', 'a', x'2F61', 5, 7, 8, 'h', 'v2', 3, 'written', 'v1');
INSERT INTO failure VALUES ('notes', x'2F62', 'is damaged', 2, 1.0, 2.0, 122.0);
INSERT INTO fingerprint VALUES ('notes', '{"model": "MiniLM"}');
PRAGMA application_id = 1634494834;
PRAGMA user_version = 1;
"""


@pytest.fixture
def old(path: Path) -> Path:
    """A ledger of version 1, with one row in each table."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    return path


def migrated(path: Path, migrations: Sequence[Sequence[str]]) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        prepare(connection, path, timeout_s=10, migrations=migrations)
        return connection.execute("SELECT * FROM source").fetchall()


async def test_a_ledger_of_version_1_still_says_what_it_said(old: Path) -> None:
    ledger = SqliteLedger(old, "notes")

    assert await ledger.source_records(["a"]) == {
        "a": SourceRecord("a", Path("/a"), 5, 7, "h", "v2", 3, "written", "v1", 8)
    }
    assert await ledger.failed_files() == [FailedFile(Path("/b"), "is damaged", 2, 1.0, 2.0, 122.0)]
    assert await ledger.fingerprint() == {"model": "MiniLM"}
    await ledger.aclose()


def test_an_older_ledger_takes_every_step_to_the_present(old: Path) -> None:
    second = ["ALTER TABLE source ADD COLUMN language TEXT NOT NULL DEFAULT 'en'"]
    third = ["UPDATE source SET language = language || '-US'"]

    [row] = migrated(old, [*MIGRATIONS[:1], second, third])

    assert row[-1] == "en-US"
    assert migrated(old, [*MIGRATIONS[:1], second, third]) == [row], "and none of them twice"


def test_a_step_that_fails_changes_nothing(old: Path) -> None:
    second = ["ALTER TABLE source ADD COLUMN language TEXT", "INSERT INTO nowhere VALUES (1)"]

    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrated(old, [*MIGRATIONS[:1], second])

    assert len(migrated(old, MIGRATIONS[:1])[0]) == 11


def test_nobody_else_writes_during_a_transaction(old: Path) -> None:
    one = sqlite3.connect(old, isolation_level=None)
    other = sqlite3.connect(old, isolation_level=None, timeout=0)
    with closing(one), closing(other):
        with (
            transaction(one),
            pytest.raises(sqlite3.OperationalError, match="locked"),
            transaction(other),
        ):
            pass
        with transaction(other):
            pass


def test_a_ledger_that_another_process_reads_is_waited_for(old: Path) -> None:
    with closing(sqlite3.connect(old, isolation_level=None, check_same_thread=False)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM source").fetchall()
        threading.Timer(0.2, reader.execute, ["COMMIT"]).start()

        assert len(migrated(old, MIGRATIONS)) == 1


def test_many_who_make_a_ledger_at_once_all_get_it(tmp_path: Path) -> None:
    together = threading.Barrier(6)

    def make(number: int) -> int:
        together.wait(timeout=20)
        return len(migrated(tmp_path / f"{number}.ledger", MIGRATIONS))

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(make, [number for number in range(25) for _ in range(6)]))

    assert found == [0] * 150


async def test_a_ledger_of_a_newer_alir_is_refused_and_left_as_it_is(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = old.read_bytes()
    ledger = SqliteLedger(old, "notes")

    with pytest.raises(InvalidSetting, match="newer alir: version 99") as refused:
        await ledger.source_records(["a"])

    assert str(refused.value).startswith(f"ALIR_LEDGER: {old} is of")
    assert old.read_bytes() == before
    await ledger.aclose()


@pytest.mark.parametrize("kind", ["text", "another database"])
async def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_is(path: Path, kind: str) -> None:
    path.parent.mkdir()
    if kind == "text":
        path.write_text("My notes. " * 100)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE vectors (id)")
    before = path.read_bytes()
    ledger = SqliteLedger(path, "notes")

    with pytest.raises(InvalidSetting, match="is not a ledger"):
        await ledger.source_records(["a"])

    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    await ledger.aclose()


async def test_an_empty_file_is_a_new_ledger(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    ledger = SqliteLedger(path, "notes")

    assert await ledger.fingerprint() is None
    await ledger.aclose()
