"""The mark: a file that had keys never opens the service without them."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from alir.errors import KeysLost
from alir.storage import keys
from alir.storage.keys_mark import mark_of
from alir.storage.service_database import open_service_database


def emptied(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM key")


def emptied_and_unmarked(path: Path) -> None:
    emptied(path)
    mark_of(path).unlink()


LOSSES: list[Callable[[Path], object]] = [
    emptied,
    emptied_and_unmarked,
    Path.unlink,
    lambda path: path.write_bytes(b""),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.service"
    with open_service_database(path) as db:
        keys.add(db, "one", "read")
    return path


@pytest.mark.parametrize("lose", LOSSES)
def test_keys_that_were_lost_are_missed(path: Path, lose: Callable[[Path], object]) -> None:
    lose(path)
    with open_service_database(path) as db:
        check = keys.check_secret(db, None)
        with pytest.raises(KeysLost, match=str(path)):
            keys.check_not_lost(db)
        keys.add(db, "two", "read")
        keys.check_not_lost(db)

    assert (check.key, check.any_exist) == (None, True)


@pytest.mark.parametrize("lose", [None, *LOSSES])
def test_only_an_explicit_word_opens_the_service_again(
    path: Path, lose: Callable[[Path], object] | None
) -> None:
    if lose is not None:
        lose(path)
    with open_service_database(path) as db:
        keys.delete_all(db)
    with open_service_database(path) as db:
        check = keys.check_secret(db, None)
        keys.check_not_lost(db)

    assert not check.any_exist
    assert not mark_of(path).exists()


def test_a_file_of_an_older_alir_gets_its_mark_when_it_is_opened(path: Path) -> None:
    mark_of(path).unlink()
    with open_service_database(path):
        pass

    assert mark_of(path).stat().st_mode & 0o777 == 0o600
    assert "alir keys delete-all" in mark_of(path).read_text()


def test_a_revoked_key_is_not_lost(path: Path) -> None:
    with open_service_database(path) as db:
        keys.revoke(db, "one")
        keys.check_not_lost(db)


def test_a_service_that_never_had_keys_has_no_mark(tmp_path: Path) -> None:
    with open_service_database(tmp_path / "new.service") as db:
        keys.check_not_lost(db)

    assert not mark_of(tmp_path / "new.service").exists()
