"""The disk that a tenant's folder may take: what is left of it for a form's files."""

import os
from pathlib import Path

from alir.server.problems import refusal


class DiskQuota:
    """What the files of one form may take in a folder that may hold so many bytes in all.

    Two forms at once may not take the same room: the last look, before files get their names,
    counts all that lies there, what other forms have written so far among it. Blocks.

    Args:
        folder_bytes: all that may lie in the folder; None is any number.
    """

    def __init__(self, folder: Path, folder_bytes: int | None) -> None:
        self._folder = folder
        self._folder_bytes = folder_bytes
        self._left = 0 if folder_bytes is None else folder_bytes - _taken(folder)
        self._replaced = 0

    def replaces(self, path: Path) -> None:
        """Take in that a file takes the place of one that may be there."""
        try:
            self._replaced += path.lstat().st_size
        except FileNotFoundError:
            return

    def takes(self, size_bytes: int) -> None:
        """Refuse the form whose files have come to `size_bytes`, if there is no room for them."""
        if self._folder_bytes is not None and size_bytes > self._left + self._replaced:
            raise self._full(self._folder_bytes)

    def took(self) -> None:
        """Refuse the form, all of which is in the folder now, if that holds too much."""
        if self._folder_bytes is None:
            return
        if _taken(self._folder) - self._replaced > self._folder_bytes:
            raise self._full(self._folder_bytes)

    @staticmethod
    def _full(folder_bytes: int) -> Exception:
        detail = f"Your files may take {folder_bytes} bytes in all; delete some first."
        return refusal(507, "Insufficient Storage", detail)


def _taken(folder: Path) -> int:
    """Return the bytes of the files below `folder`; 0 if it is not there."""
    taken = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                taken += Path(where, name).lstat().st_size
            except OSError:
                continue  # it is gone since
    return taken
