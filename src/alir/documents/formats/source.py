"""Open a document: only a regular file, with each system error in plain words."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from alir.errors import UnreadableFile

HEAD_BYTES = 4096
WHOLE_BYTES = 32 * 1024 * 1024
"""The largest file of a format that must be parsed whole (HTML, JSON)."""

# Opening a pipe would wait for its writer without O_NONBLOCK.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """A document open for reading."""

    path: Path
    file: BinaryIO
    head: bytes
    """The first bytes, at most HEAD_BYTES; never empty."""
    size_bytes: int

    @property
    def suffix(self) -> str:
        return self.path.suffix.lower()

    def refuse(self, reason: str) -> UnreadableFile:
        return UnreadableFile(self.path, reason)


@contextmanager
def opened(path: Path, descriptor: int | None = None) -> Iterator[OpenDocument]:
    """Open the file at `path`; a device, pipe or folder is never opened.

    Args:
        descriptor: open on the file already; it stays open.

    Raises: UnreadableFile, also for a system error while the file is being read.
    """
    if "\0" in str(path):
        raise UnreadableFile(path, "has a name no file can have")
    try:
        if descriptor is None:
            _check_regular(path, path.stat().st_mode)
        own = os.open(path, _FLAGS) if descriptor is None else os.dup(descriptor)
        with os.fdopen(own, "rb") as file:
            # A pipe may have taken the file's place between the two looks.
            status = os.fstat(file.fileno())
            _check_regular(path, status.st_mode)
            file.seek(0)
            head = file.read(HEAD_BYTES)
            if not head:
                raise UnreadableFile(path, "is empty; fill it or leave it out")
            file.seek(0)
            yield OpenDocument(path, file, head, status.st_size)
    except OSError as exc:
        raise UnreadableFile(path, _in_words(exc)) from exc
    except MemoryError as exc:
        raise UnreadableFile(path, "needs more memory than there is; split it") from exc


def _check_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise UnreadableFile(path, "is not a regular file; leave it out")


def _in_words(exc: OSError) -> str:
    match exc:
        case FileNotFoundError():
            return "is not there any more"
        case PermissionError():
            return "cannot be read: permission denied; give alir the right to read it"
        case _:
            return f"cannot be read: {(exc.strerror or str(exc)).lower()}"
