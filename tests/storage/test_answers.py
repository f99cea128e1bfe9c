"""Answers that can be rated: how long they are kept, and in a file of an earlier version."""

import sqlite3
from pathlib import Path

import pytest

from alir.errors import ServiceFileFailed
from alir.models.kept_answers import KeptAnswer
from alir.storage import answers, ingestions, keys
from alir.storage.answers import AnswerStore
from alir.storage.service_database import VERSION, ServiceDatabase, open_service_database
from alir.storage.sqlite_file import transaction

FIRST_VERSION = """
CREATE TABLE key (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, secret_hash BLOB NOT NULL, scope TEXT NOT NULL,
    tenant TEXT NOT NULL, created TEXT NOT NULL, revoked TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX key_by_name ON key (name) WHERE revoked IS NULL;
CREATE TABLE spent (
    key TEXT NOT NULL, day TEXT NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (key, day)
) WITHOUT ROWID;
CREATE TABLE ingestion (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, collection TEXT NOT NULL,
    tenant TEXT NOT NULL, is_ended INTEGER NOT NULL, told TEXT NOT NULL
);
PRAGMA application_id = 1634494835;
PRAGMA user_version = 1;
"""


def told(question: str) -> KeptAnswer:
    return KeptAnswer(
        kind="ask", question=question, text="In wax.", mode="extractive", citations=[]
    )


async def test_answers_are_kept_for_a_while_in_a_number_by_tenant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = ServiceDatabase(tmp_path / "a.service")
    kept = AnswerStore(database, "notes", most=2)
    monkeypatch.setattr(answers, "RATED_KEPT", 2)
    for number in range(4):
        kept.keep(f"a{number}", "acme", told("Who?"))
    kept.keep("z0", "zeta", told("Who?"))
    taken = [await kept.rate("acme", f"a{number}", "up", "") for number in range(4)]
    assert taken == [False, False, True, True]
    assert not await AnswerStore(database, "others", most=2).rate("acme", "a2", "up", "")

    with open_service_database(database.path) as db:
        db.execute("UPDATE answer SET at_ms = 0")
    await kept.start()
    assert not await kept.rate("zeta", "z0", "up", "")
    kept.keep("a4", "acme", told("Who else?"))
    assert await kept.rate("acme", "a4", "down", "")
    assert [one.given.id for one in await kept.rated_answers(None, limit=9, after=None)] == [
        "a4",
        "a3",
    ]
    await kept.stop()
    await database.aclose()


def test_a_file_of_the_first_version_keeps_its_keys_and_ingestions(tmp_path: Path) -> None:
    path = tmp_path / "a.service"
    before = sqlite3.connect(path)
    before.executescript(FIRST_VERSION)
    secret = keys.add(before, "old", "write", "acme")
    ingestions.write(before, "notes", "acme", "i", '{"state": "queued"}', is_ended=False)
    keys.add_tokens(before, "k", 7)
    before.commit()
    before.close()

    for _ in range(2):
        with open_service_database(path) as db:
            key = keys.check_secret(db, secret).key
            assert key is not None
            assert (key.name, key.tenant) == ("old", "acme")
            assert ingestions.list_unended(db, "notes") == [("acme", '{"state": "queued"}')]
            assert keys.tokens_today(db, "k") == 7
            assert db.execute("SELECT count(*) FROM answer").fetchone() == (0,)
            assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    with open_service_database(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with (
        pytest.raises(ServiceFileFailed, match="none of this version"),
        open_service_database(path),
    ):
        pass


def test_a_full_disk_is_named_though_sqlite_has_ended_the_transaction_itself(
    tmp_path: Path,
) -> None:
    def fill() -> None:
        with open_service_database(tmp_path / "a.service") as db:
            db.execute("PRAGMA max_page_count = 1")  # as many as it has
            with transaction(db):
                for number in range(1000):
                    keys.add_tokens(db, f"k{number}" * 100, 1)

    with pytest.raises(ServiceFileFailed, match="disk is full"):
        fill()
