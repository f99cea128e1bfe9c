"""The first key of a new service."""

import os
import secrets
import sqlite3
from contextlib import suppress
from pathlib import Path

from alir.errors import InvalidSetting
from alir.storage import keys
from alir.storage.keys_mark import clear_mark, mark_of, path_of

NAME = "first"
_MOST_BYTES = 200
"""A longer file holds no secret."""


def make_first_key(db: sqlite3.Connection, file: Path) -> bool:
    """Make an admin key if no key was ever made, and write its secret to `file`; return if so.

    Only the owner can read the file. A crash leaves both key and file, or neither, or a file with
    an invalid secret, which the next start overwrites.

    Raises:
        InvalidSetting: The file cannot be written, or exists and holds something else.
    """
    was_marked = mark_of(path_of(db)).exists()
    db.execute("BEGIN IMMEDIATE")  # two that start at once make one
    try:
        is_first = not keys.check_secret(db, None).any_exist
        if is_first:
            _write(file, keys.add(db, NAME, "admin"))
    except BaseException:
        db.execute("ROLLBACK")
        if not was_marked:
            clear_mark(path_of(db))
        raise
    db.execute("COMMIT")
    return is_first


def _write(file: Path, secret: str) -> None:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        if os.path.lexists(file) and not _holds_a_secret(file):
            problem = "there is a file of that name, with something else in it"
            raise InvalidSetting(f"--first-key {file}", problem, "Name another.")
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
                new.write(f"{secret}\n")
                new.flush()
                os.fsync(new.fileno())
            draft.replace(file)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
    except OSError as error:
        problem = f"it cannot be written: {(error.strerror or str(error)).lower()}"
        raise InvalidSetting(f"--first-key {file}", problem, "Name another file.") from error


def _holds_a_secret(file: Path) -> bool:
    if file.is_symlink() or not file.is_file() or file.stat().st_size > _MOST_BYTES:
        return False
    return keys.SECRET.fullmatch(file.read_text("ascii", "replace").strip()) is not None
