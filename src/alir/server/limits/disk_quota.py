"""The limit on the bytes in a tenant's folder."""

import os
from pathlib import Path

from alir.server.problems import refusal


class DiskQuota:
    """Checks that the files of one upload fit into a folder with a limit.

    Parallel uploads cannot use the same space: the last check, before files get their names,
    counts everything in the folder, also what other uploads have written. Blocks.

    Args:
        folder_bytes: The most bytes in the folder; None is no limit.
    """

    def __init__(self, folder: Path, folder_bytes: int | None) -> None:
        self._folder = folder
        self._folder_bytes = folder_bytes
        self._left = 0 if folder_bytes is None else folder_bytes - _size_bytes(folder)
        self._replaced = 0

    def count_replaced(self, path: Path) -> None:
        """Count a file that may replace an existing one."""
        try:
            self._replaced += path.lstat().st_size
        except FileNotFoundError:
            return

    def check_upload(self, size_bytes: int) -> None:
        """Raise `ProblemException` if files of `size_bytes` in all do not fit."""
        if self._folder_bytes is not None and size_bytes > self._left + self._replaced:
            raise self._full(self._folder_bytes)

    def check_folder(self) -> None:
        """Raise `ProblemException` if the folder, with the new files in it, holds too much."""
        if self._folder_bytes is None:
            return
        if _size_bytes(self._folder) - self._replaced > self._folder_bytes:
            raise self._full(self._folder_bytes)

    @staticmethod
    def _full(folder_bytes: int) -> Exception:
        detail = f"Your files may take {folder_bytes} bytes in all; delete some first."
        return refusal(507, "Insufficient Storage", detail)


def _size_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder; 0 if it is missing."""
    taken = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                taken += Path(where, name).lstat().st_size
            except OSError:
                continue  # it is gone since
    return taken
