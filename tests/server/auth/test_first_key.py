"""The first key of a service."""

import stat
from pathlib import Path

import pytest

from alir.errors import InvalidSetting
from alir.server.auth.first_key import make_first_key
from alir.storage import keys
from alir.storage.service_database import open_service_database

FILE = Path(".alir/.milvus.service")


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
