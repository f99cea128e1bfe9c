"""What alir keeps can be read by its owner alone, from the first byte on."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from alir.storage.private_files import make_private_file, make_private_folder


@pytest.fixture(autouse=True)
def _lax_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    make_private_file(tmp_path / "state.db")

    assert mode(tmp_path / "state.db") == 0o600
    assert (tmp_path / "state.db").read_bytes() == b""


def test_a_file_that_is_there_is_taken_from_others_with_what_sqlite_keeps_beside_it(
    tmp_path: Path,
) -> None:
    names = ["state.db", "state.db-wal", "state.db-shm", "state.db-journal"]
    for name in [*names, "state.db-other"]:
        (tmp_path / name).write_text("kept")
        (tmp_path / name).chmod(0o664)

    make_private_file(tmp_path / "state.db")

    assert {mode(tmp_path / name) for name in names} == {0o600}
    assert (tmp_path / "state.db").read_text() == "kept"
    assert mode(tmp_path / "state.db-other") == 0o664


def test_a_file_that_only_its_owner_can_read_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch(0o400)

    make_private_file(path)

    assert mode(path) == 0o400


def test_a_new_folder_is_its_owners_alone_and_what_is_above_it_is_as_usual(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "above" / "state")

    assert mode(tmp_path / "above" / "state") == 0o700
    assert mode(tmp_path / "above") == 0o777


@pytest.mark.parametrize(("name", "left"), [("mine", 0o755), (".alir", 0o700)])
def test_a_folder_that_is_there_stays_as_it_is_except_alirs_own(
    tmp_path: Path, name: str, left: int
) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name).chmod(0o755)

    make_private_folder(tmp_path / name)

    assert mode(tmp_path / name) == left


def test_a_file_in_the_place_of_the_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    with pytest.raises(OSError, match="exists"):
        make_private_folder(tmp_path / "state")
