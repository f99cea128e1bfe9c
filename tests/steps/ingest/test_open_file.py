"""Opening: part by part, and whatever a part has become, no link leads anywhere."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from alir.errors import UnreadableFile
from alir.steps.ingest.open_file import BEHIND_A_LINK, NO_FILE, OpenFolders, open_file


@pytest.fixture
def folders() -> Iterator[OpenFolders]:
    with OpenFolders() as folders:
        yield folders


def text(path: Path, folders: OpenFolders) -> str:
    with open_file(path, folders) as descriptor:
        return os.read(descriptor, 1_000).decode()


def reason(path: Path, folders: OpenFolders) -> str:
    with pytest.raises(UnreadableFile) as caught:
        text(path, folders)
    assert caught.value.path == path
    return caught.value.reason


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name)
    return path


def test_files_are_opened_wherever_they_lie_in_any_order(
    tmp_path: Path, folders: OpenFolders
) -> None:
    deep = Path(*["deep"] * 100)
    names = ["a.txt", "b/c/d.txt", "b/e.txt", deep / "f.txt", "b/c/g.txt", deep / "x" / "y.txt"]
    paths = [write(tmp_path / name) for name in names]

    for path in [*paths, *reversed(paths), *paths[::2]]:
        assert text(path, folders) == path.name


@pytest.mark.timeout(10)  # opening a pipe would wait for ever
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, folders: OpenFolders) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
        for name in ("pipe", "folder", "socket"):
            assert reason(tmp_path / name, folders) == NO_FILE
    assert reason(Path(os.devnull), folders) == NO_FILE


def test_no_link_is_followed_at_any_part(tmp_path: Path, folders: OpenFolders) -> None:
    outside = write(tmp_path / "outside" / "in" / "a.txt")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.txt").symlink_to(outside)
    (root / "in").symlink_to(outside.parent)
    (root / "out").symlink_to(outside.parent.parent)

    for path in (root / "a.txt", root / "in" / "a.txt", root / "out" / "in" / "a.txt"):
        assert path.exists()
        assert reason(path, folders) == BEHIND_A_LINK


def test_a_folder_that_became_a_link_since_it_was_opened_leads_nowhere(
    tmp_path: Path, folders: OpenFolders
) -> None:
    inside = write(tmp_path / "root" / "in" / "a.txt")
    outside = write(tmp_path / "outside" / "a.txt")
    outside.write_text("secret")
    assert text(inside, folders) == "a.txt"
    inside.parent.rename(tmp_path / "root" / "was")
    inside.parent.symlink_to(outside.parent)

    assert text(inside, folders) == "a.txt", "the folder that was opened is the same one"
    with OpenFolders() as others:
        assert reason(inside, others) == BEHIND_A_LINK


def test_a_system_error_is_said_in_words(tmp_path: Path, folders: OpenFolders) -> None:
    assert reason(tmp_path / "gone.txt", folders) == "vanished while it was read"
    assert reason(tmp_path / "gone" / "a.txt", folders) == "vanished while it was read"
    assert reason(tmp_path / ("x" * 300), folders) == "cannot be read: file name too long"
    assert reason(tmp_path / "a\0b", folders) == "has a name that no file can have"
    latin = tmp_path / os.fsdecode(b"caf\xe9.txt")
    assert reason(latin, folders) == "has a name that is not UTF-8; rename it"


def test_few_folders_are_open_however_deep_the_path(tmp_path: Path, folders: OpenFolders) -> None:
    path = write(tmp_path.joinpath(*["d"] * 400) / "a.txt")
    before = len([*Path("/dev/fd").iterdir()])

    folders.status(path)

    assert len([*Path("/dev/fd").iterdir()]) < before + 30
