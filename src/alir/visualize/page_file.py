"""A page on the disk: there whole, or not at all."""

import secrets
from pathlib import Path

from alir.errors import PictureUnwritable


def write_page(page: str, path: Path) -> Path:
    """Write a page to `path` and give it back; folders on the way are created.

    Raises OSError if it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        # A question typed in another encoding may hold half of a character.
        unfinished.write_text(page, encoding="utf-8", errors="replace", newline="\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def require_writable(path: Path) -> None:
    """Raise `PictureUnwritable` if a page could not be written to `path` now."""
    if path.is_dir():
        raise PictureUnwritable(path, "it is a folder")
    tried = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tried.touch()
        tried.unlink()
    except OSError as error:
        raise PictureUnwritable(path, error.strerror or str(error)) from error
