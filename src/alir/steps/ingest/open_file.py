"""Open files and folders part by part, so that no link is followed at any part of a path.

A path that was checked may lead elsewhere a moment later; a descriptor stays what it is. Paths
longer than the system takes work, too, and each part costs one call.
"""

import errno
import os
import stat
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alir.errors import OutOfResources, UnreadableFile, is_want

NEAREST = 16
"""Folders that stay open, of those that lead to a path: the deepest ones,"""
STRIDE, STRIDES = 64, 32
"""and one of so many above them, at most so many: from there the way back up a deep tree is short.
A program may have only 256 files open on macOS."""
NO_FILE = "is not a regular file; leave it out"
BEHIND_A_LINK = "is a link, or lies behind one; links are not followed, name what it points to"
VANISHED = "vanished while it was read"

# To pass through a folder takes less right than to list it.
_PASS = getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY))
_FOLDER = _PASS | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Opening a pipe would wait for its writer without O_NONBLOCK.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class OpenFolders:
    """The folders that lead to the path asked for last, the deepest of them open.

    What lies near that path is cheap to reach. Paths are absolute. For one thread at a time; every
    method raises `OSError`.
    """

    def __init__(self) -> None:
        self._parts: tuple[str, ...] = ()
        self._open: dict[int, int] = {}
        """Number of parts to descriptor, in ascending order."""

    def __enter__(self) -> "OpenFolders":
        return self

    def __exit__(self, *_: object) -> None:
        self._close_below(0)

    def status(self, path: Path) -> os.stat_result:
        """Return the status of what is at `path`: of a link, its own."""
        folder = self._descriptor(path.parent)
        return os.stat(path.name or ".", dir_fd=folder, follow_symlinks=False)

    def open_folder(self, folder: Path) -> int:
        """Return a descriptor of `folder` to list it by; the caller closes it."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        return os.open(".", flags, dir_fd=self._descriptor(folder))

    def open_file(self, path: Path) -> int:
        """Return a descriptor of the file at `path`, to read it; the caller closes it."""
        return os.open(path.name, _FILE, dir_fd=self._descriptor(path.parent))

    def _descriptor(self, folder: Path) -> int:
        parts = folder.parts
        if parts != self._parts:
            self._go_to(parts)
        return self._open[len(parts)]

    def _go_to(self, parts: tuple[str, ...]) -> None:
        lengths = range(1, min(len(self._parts), len(parts)) + 1)
        # Tuples compare faster than their parts one by one.
        shared = bisect_left(lengths, True, key=lambda n: self._parts[:n] != parts[:n])
        self._close_below(shared)
        depth = next(reversed(self._open), 0)
        try:
            while depth < len(parts):
                opened = os.open(parts[depth], _FOLDER, dir_fd=self._open.get(depth))
                depth += 1
                self._open[depth] = opened
                self._close_some(depth)
        finally:
            self._parts = parts[:depth]

    def _close_some(self, depth: int) -> None:
        passed = depth - NEAREST
        if passed in self._open and passed % STRIDE:
            os.close(self._open.pop(passed))
        if len(self._open) > NEAREST + STRIDES:
            os.close(self._open.pop(next(iter(self._open))))

    def _close_below(self, depth: int) -> None:
        while self._open and next(reversed(self._open)) > depth:
            os.close(self._open.popitem()[1])
        self._parts = self._parts[:depth]


@contextmanager
def open_file(path: Path, folders: OpenFolders) -> Iterator[int]:
    """Open the regular file at `path`; a device, pipe, folder or link is never opened.

    Raises:
        UnreadableFile: it cannot be opened, also for a system error in this context.
    """
    check_name(path)
    with in_words(path):
        check_regular(path, folders.status(path))
        descriptor = folders.open_file(path)
        try:
            # A pipe may have taken the file's place between the two looks.
            check_regular(path, os.fstat(descriptor))
            yield descriptor
        finally:
            os.close(descriptor)


def check_name(path: Path) -> None:
    """Raise `UnreadableFile` for a name that the index cannot hold."""
    try:
        text = str(path).encode()
    except UnicodeEncodeError as error:
        raise UnreadableFile(path, "has a name that is not UTF-8; rename it") from error
    if b"\0" in text:
        raise UnreadableFile(path, "has a name that no file can have")


def check_regular(path: Path, status: os.stat_result) -> None:
    """Raise `UnreadableFile` for what is no regular file."""
    if stat.S_ISLNK(status.st_mode):
        raise UnreadableFile(path, BEHIND_A_LINK)
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFile(path, NO_FILE)


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Raise a system error in this context as the `UnreadableFile` of `path`.

    Raises:
        OutOfResources: the system lends no more open files or memory.
    """
    try:
        yield
    except OSError as error:
        check_want(path, error)
        raise UnreadableFile(path, reason(error)) from error


def check_want(path: Path, error: OSError) -> None:
    """Raise `OutOfResources` where the system lacks something: it is no fault of the file."""
    if is_want(error):
        raise OutOfResources(str(path), (error.strerror or str(error)).lower()) from error


def reason(error: OSError) -> str:
    """Return why a file cannot be read, from the system's error."""
    if is_behind_a_link(error):
        return BEHIND_A_LINK
    match error:
        case FileNotFoundError():
            return VANISHED
        case PermissionError():
            return "cannot be read: permission denied; give alir the right to read it"
        case _:
            return f"cannot be read: {(error.strerror or str(error)).lower()}"


def is_behind_a_link(error: OSError) -> bool:
    """Return whether a path leads through a link, or through a file: systems tell either as both.

    Neither leads to what a walk would find.
    """
    return error.errno in {errno.ELOOP, errno.ENOTDIR}
