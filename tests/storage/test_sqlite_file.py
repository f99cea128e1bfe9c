"""A SQLite file of the service: others are refused, and left as they are."""

from pathlib import Path

import pytest

from alir.errors import ServiceFileFailed
from alir.storage.service_database import open_service_database

FILE = Path(".alir/.milvus.service")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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
