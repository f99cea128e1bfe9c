"""The disk that a tenant's folder may take."""

from pathlib import Path

import pytest

from alir.server.limits.disk_quota import DiskQuota
from alir.server.problems import ProblemException


def test_what_is_there_counts_and_what_is_replaced_does_not(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.txt").write_text("1234")
    (tmp_path / "b.txt").write_text("12345")
    room = DiskQuota(tmp_path, 10)

    room.check_upload(1)
    with pytest.raises(ProblemException) as refused:
        room.check_upload(2)
    room.count_replaced(tmp_path / "b.txt")
    room.count_replaced(tmp_path / "new.txt")
    room.check_upload(6)

    assert refused.value.problem.status == 507


def test_two_forms_at_once_do_not_take_the_same_room(tmp_path: Path) -> None:
    one, other = DiskQuota(tmp_path, 10), DiskQuota(tmp_path, 10)
    for room, name in ((one, "one"), (other, "other")):
        room.check_upload(6)
        (tmp_path / name).write_text("123456")

    with pytest.raises(ProblemException):
        one.check_folder()
    (tmp_path / "one").unlink()
    other.check_folder()


def test_a_folder_that_is_not_there_has_room_and_without_a_limit_there_is_always_some(
    tmp_path: Path,
) -> None:
    DiskQuota(tmp_path / "nowhere", 10).check_upload(10)
    DiskQuota(tmp_path, None).check_upload(10**12)
