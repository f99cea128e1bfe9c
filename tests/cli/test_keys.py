"""Keys: their secrets are nowhere, and open what they are for."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alir.cli.main import cli
from alir.errors import InvalidKey, InvalidSetting, ServiceFileFailed
from alir.server.auth.first_key import make_first_key
from alir.storage import keys
from alir.storage.service_database import open_service_database

FILE = Path(".alir/.milvus.service")


def test_a_secret_is_shown_once_and_kept_nowhere() -> None:
    made = CliRunner().invoke(
        cli, ["keys", "add", "laptop", "--scope", "write", "--tenant", "acme"]
    )
    secret = made.stdout.strip()
    listed = CliRunner().invoke(cli, ["keys", "list", "--json"])

    assert secret.startswith("alir_")
    assert len(secret) > 50
    held = b"".join(path.read_bytes() for path in FILE.parent.iterdir())
    assert secret.encode() not in held
    assert secret.rpartition("_")[2].encode() not in held
    [key] = json.loads(listed.stdout)
    assert (key["name"], key["scope"], key["tenant"]) == ("laptop", "write", "acme")
    assert key["revoked"] is None


def test_nobody_but_its_owner_may_read_the_file() -> None:
    with open_service_database(FILE) as db:
        keys.add(db, "one", "read")

    assert stat.S_IMODE(FILE.stat().st_mode) == 0o600


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


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 50, b"SQLite"])
def test_a_damaged_file_is_refused_and_left_as_it_is(content: bytes) -> None:
    FILE.parent.mkdir()
    FILE.write_bytes(content)

    with pytest.raises(ServiceFileFailed), open_service_database(FILE):
        pass

    assert FILE.read_bytes() == content


def test_a_ledger_is_not_taken_for_the_services_file() -> None:
    import sqlite3

    FILE.parent.mkdir()
    other = sqlite3.connect(FILE)
    other.execute("CREATE TABLE source (id)")
    other.commit()
    other.close()

    with (
        pytest.raises(ServiceFileFailed, match="none of this version"),
        open_service_database(FILE),
    ):
        pass


def test_a_first_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "first-key"
    with open_service_database(FILE) as db:
        made = make_first_key(db, file)
        secret = file.read_text().strip()
        found = keys.check_secret(db, secret).key
        mode = stat.S_IMODE(file.stat().st_mode)
        file.unlink()
        again = make_first_key(db, file)
        keys.revoke(db, "first")
        after_revoking = make_first_key(db, file)

    assert (made, again, after_revoking) == (True, False, False)
    assert found is not None
    assert (found.name, found.scope, found.tenant) == ("first", "admin", "")
    assert mode == 0o600
    assert [*file.parent.iterdir()] == []


def test_a_first_key_takes_the_place_of_one_that_a_crash_left_and_of_nothing_else(
    tmp_path: Path,
) -> None:
    file, notes, link = (tmp_path / name for name in ("first-key", "notes", "link"))
    file.write_text(f"alir_{'0' * 12}_{'A' * 43}\n")
    notes.write_text("Do not lose these.")
    link.symlink_to(file)
    with open_service_database(FILE) as db:
        for other in (notes, link, tmp_path, notes / "below"):
            with pytest.raises(InvalidSetting, match="--first-key"):
                make_first_key(db, other)
        refused = keys.list_all(db)
        made = make_first_key(db, file)
        opens = keys.check_secret(db, file.read_text().strip()).key

    assert refused == []
    assert made
    assert opens is not None
    assert notes.read_text() == "Do not lose these."
    assert {*tmp_path.iterdir()} >= {file, notes, link}
    assert not [*tmp_path.glob(".first-key.*"), *tmp_path.glob(".notes.*")]


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
