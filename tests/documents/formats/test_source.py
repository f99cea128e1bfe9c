"""Opening a file: what is not a regular, readable file is refused without being opened."""

import os
import socket
import stat
from pathlib import Path

import pytest

from alir.documents.formats import document_text, read
from alir.errors import UnreadableFile


def reason(path: Path) -> str:
    with pytest.raises(UnreadableFile) as caught:
        read(path)
    assert caught.value.path == path
    assert str(path) in str(caught.value)
    with pytest.raises(UnreadableFile):
        document_text(path)
    return caught.value.reason


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.touch()
    assert reason(path) == "is empty; fill it or leave it out"
    assert reason(path.rename(tmp_path / "a.pdf")) == "is empty; fill it or leave it out"


@pytest.mark.parametrize("content", [b" \n\t \r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\n" * 200_000])
def test_a_blank_file_holds_no_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert reason(path) == "holds no text; leave it out"


@pytest.mark.timeout(10)
def test_a_pipe_a_folder_a_socket_and_a_device_are_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    link = tmp_path / "link.txt"
    link.symlink_to(pipe)
    folder = tmp_path / "folder.txt"
    folder.mkdir()
    address = tmp_path / "s.txt"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(address))
        for path in (pipe, link, folder, address, Path(os.devnull)):
            assert reason(path) == "is not a regular file; leave it out"


def test_a_file_that_vanished_is_not_there(tmp_path: Path) -> None:
    assert reason(tmp_path / "gone.txt") == "is not there any more"
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "gone.txt")
    assert reason(tmp_path / "dangling.txt") == "is not there any more"


def test_a_path_through_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    assert reason(tmp_path / "file" / "a.txt") == "cannot be read: not a directory"


def test_a_name_no_file_can_have_is_refused(tmp_path: Path) -> None:
    assert reason(tmp_path / "a\0b.txt") == "has a name no file can have"
    assert reason(tmp_path / ("a" * 300)) == "cannot be read: file name too long"


def test_a_link_that_leads_to_itself_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "loop.txt"
    path.symlink_to(path)
    assert reason(path).startswith("cannot be read: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text")
    path.chmod(0)
    assert reason(path).startswith("cannot be read: permission denied")
    path.chmod(stat.S_IRUSR)
    assert document_text(path) == "text"


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "link.txt").symlink_to("a.txt")
    assert document_text(tmp_path / "link.txt") == "text"
