"""Keys: found by their secrets, and what they cost."""

from pathlib import Path

import pytest

from alir.errors import InvalidKey
from alir.storage import keys
from alir.storage.service_database import open_service_database

FILE = Path(".alir/.milvus.service")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_key_is_found_by_its_secret_alone() -> None:
    with open_service_database(FILE) as db:
        secret = keys.add(db, "one", "write", "acme")
        other = keys.add(db, "two", "read")
        found = keys.check_secret(db, secret).key
        # One's name, another's secret.
        mixed = secret[:18] + other[18:]
        refused = [
            keys.check_secret(db, given).key
            for given in (None, "", secret[:-1], secret + "a", mixed, secret.upper(), f" {secret}")
        ]

    assert found is not None
    assert (found.name, found.scope, found.tenant) == ("one", "write", "acme")
    assert refused == [None] * 7


def test_a_revoked_key_is_none_and_still_locks_the_door() -> None:
    with open_service_database(FILE) as db:
        before = keys.check_secret(db, None)
        secret = keys.add(db, "one", "admin")
        keys.revoke(db, "one")
        after = keys.check_secret(db, secret)
        again = keys.add(db, "one", "read")  # the name is free

    assert before == keys.KeyCheck(None, any_exist=False)
    assert after == keys.KeyCheck(None, any_exist=True)
    assert again != secret


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x\ny", "é", "n" * 65])
def test_a_name_that_could_deceive_is_refused(name: str) -> None:
    with open_service_database(FILE) as db, pytest.raises(InvalidKey):
        keys.add(db, name, "read")


@pytest.mark.parametrize("tenant", [".", "..", "a/b", "A", "a.b", "-a", "a\0", "a_b", "x" * 64])
def test_a_tenant_that_is_no_plain_folder_is_refused(tenant: str) -> None:
    with open_service_database(FILE) as db, pytest.raises(InvalidKey):
        keys.add(db, "one", "read", tenant)


def test_two_keys_in_use_have_two_names() -> None:
    with open_service_database(FILE) as db:
        keys.add(db, "one", "read")
        with pytest.raises(InvalidKey, match="another key"):
            keys.add(db, "one", "admin")
        with pytest.raises(InvalidKey, match="alir keys list"):
            keys.revoke(db, "two")


def test_what_a_key_cost_is_summed_for_today_alone() -> None:
    with open_service_database(FILE) as db:
        keys.add_tokens(db, "a", 5)
        keys.add_tokens(db, "a", 7)
        keys.add_tokens(db, "b", 1)
        db.execute("UPDATE spent SET day = '2001-01-01' WHERE key = 'b'")
        costs = (keys.tokens_today(db, "a"), keys.tokens_today(db, "b"), keys.tokens_today(db, "c"))
        keys.add_tokens(db, "a", 1)
        days = db.execute("SELECT count(*) FROM spent").fetchone()[0]

    assert costs == (12, 0, 0)
    assert days == 1
