"""Files and folders of alir's own that no other user of the machine can read."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

STATE_FOLDER = ".alir"
"""The name of a folder that is alir's, whoever made it."""
BESIDE_SQLITE = ("-wal", "-shm", "-journal")
"""What SQLite adds to a file's name for the files that it keeps beside it."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(folder: Path) -> None:
    """Make `folder`, only for its owner; one that is there stays as it is, except alir's own.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_dir():
        if folder.name == STATE_FOLDER:
            _take_from_others(folder)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make the file `path`, only for its owner; of one that is there, take it from the others.

    SQLite gives what it keeps beside a file the same mode.

    Raises:
        OSError: it cannot be made.
    """
    # A file that is there is not opened: to close it would drop SQLite's locks on it.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        for name in (path.name, *(path.name + suffix for suffix in BESIDE_SQLITE)):
            _take_from_others(path.with_name(name))


def obstacle(folder: Path) -> OSError | None:
    """Return why no file can be made in `folder`; None if one can."""
    try:
        with TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error


def _take_from_others(path: Path) -> None:
    # What belongs to another user is that one's to change.
    with suppress(FileNotFoundError, PermissionError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS:
            path.chmod(mode & ~_OTHERS)
