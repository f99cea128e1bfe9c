"""The mark beside the service's file: that it had keys, and must not open without them."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

_TEXT = (
    "The service whose file lies beside this one has had keys, so it never opens without them.\n"
    "To go on without keys on purpose: alir keys delete-all.\n"
)


def mark_of(file: Path) -> Path:
    """Return the path of the mark of a service's file."""
    return file.with_name(f"{file.name}-keyed")


def path_of(db: sqlite3.Connection) -> Path:
    """Return the path of the open file."""
    return Path(db.execute("PRAGMA database_list").fetchone()[2])


def set_mark(file: Path) -> None:
    """Make the mark, on the disk, if it is not there.

    Raises:
        OSError: It cannot be written.
    """
    mark = mark_of(file)
    if mark.exists():
        return
    descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as new:
        new.write(_TEXT)
        new.flush()
        os.fsync(new.fileno())
    folder = os.open(mark.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def clear_mark(file: Path) -> None:
    """Delete the mark."""
    with suppress(FileNotFoundError):
        mark_of(file).unlink()
