"""The service's lock: one service at a time, whatever name its files are given by."""

import subprocess
import sys
from pathlib import Path

import pytest

from alir.errors import ServiceFileFailed, ServiceRunning
from alir.storage.service_lock import service_lock

HOLD = """
import sys
from pathlib import Path
from alir.storage.service_lock import service_lock
with service_lock([Path(sys.argv[1])]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_service_on_a_file_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    index, link = tmp_path / "milvus.db", tmp_path / "link.db"
    link.symlink_to(index)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(index)], stdin=-1, stdout=-1, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        for name in (index, link):
            with (
                pytest.raises(ServiceRunning, match=f"process {first.pid}"),
                service_lock([tmp_path / "other.service", name]),
            ):
                pass
        with service_lock([tmp_path / "other.service"]):
            pass  # what was taken before the refusal is free again
        first.kill()
    with service_lock([index, link]):
        pass


def test_the_lock_is_private_and_its_folder_made(tmp_path: Path) -> None:
    with service_lock([tmp_path / "new" / ".milvus.service"]):
        modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "new").rglob("*")]
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert modes == [0o600]


def test_a_lock_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceFileFailed), service_lock([tmp_path / "file" / "x.service"]):
        pass
