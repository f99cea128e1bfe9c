"""Walk: list the files below the given paths, in order, and never leave the paths."""

import asyncio
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

from alir.errors import NothingToIngest, OutOfResources, PathNotFound, is_want
from alir.models.file_kinds import kind
from alir.models.files import FileOutcome, FilePart, Roots

GROUP_FILES = 64
GROUP_BYTES = 500_000
"""A larger file is a group of its own."""
PATHS_PER_CHECK = 1000
"""Paths checked in one call: it bounds memory, and how long a folder's real path is cached."""


class HasPath(Protocol):
    """A value with the path of a file."""

    @property
    def path(self) -> Path:
        """The path."""
        ...


F = TypeVar("F", bound=HasPath)


def survey(paths: Sequence[str | Path]) -> Roots:
    """Check that every path exists and count the files below them.

    Raises:
        PathNotFound: one of `paths` does not exist.
        NothingToIngest: there is no file to read.
    """
    if not paths:
        raise NothingToIngest("No path was given", "there is nothing to ingest")
    # `Path.expanduser` raises for a user the system does not know.
    absolute = [Path(os.path.realpath(os.path.expanduser(path))) for path in paths]  # noqa: PTH111
    for given, path in zip(paths, absolute, strict=True):
        if not os.path.exists(path):  # noqa: PTH110  `Path.exists` raises where it may not look
            raise PathNotFound(Path(given))
    distinct = sorted(set(absolute))
    roots = tuple(path for path in distinct if not any(other in path.parents for other in distinct))
    files = size_bytes = 0
    empty = []
    for root in roots:
        before = files
        for part in walk([root]):
            files += 1
            size_bytes += part.size_bytes if isinstance(part, FilePart) else 0
        if files == before:
            empty.append(root)
    if not files:
        raise NothingToIngest(", ".join(str(path) for path in paths))
    return Roots(roots, files, size_bytes, tuple(empty))


def walk(roots: Sequence[Path]) -> Iterator[FilePart | FileOutcome]:
    """Yield every file below `roots`, sorted within each folder.

    Hidden files and folders and files of kinds that hold no text are passed over, unless named
    as a root themselves. Links are not followed: what they point to is ingested where it is. A
    folder that cannot be listed comes as a failed outcome.
    """
    for root in roots:
        if os.path.isdir(root):  # noqa: PTH112  as above
            yield from _below(root)
        else:
            yield from _file(root, root.stat)


def groups(
    found: Iterator[FilePart | FileOutcome],
) -> Iterator[list[FilePart | FileOutcome]]:
    """Gather what `walk` finds into groups of bounded size: by files, and by bytes."""
    group: list[FilePart | FileOutcome] = []
    size_bytes = 0
    for one in found:
        one_bytes = one.size_bytes if isinstance(one, FilePart) else 0
        if group and (len(group) == GROUP_FILES or size_bytes + one_bytes > GROUP_BYTES):
            yield group
            group, size_bytes = [], 0
        group.append(one)
        size_bytes += one_bytes
    if group:
        yield group


async def listed(
    found: AsyncIterable[F], roots: Sequence[Path]
) -> AsyncIterator[tuple[F, bool | None]]:
    """Yield each of `found` with the result of `is_listed`; checks off the event loop."""
    page: list[F] = []
    async for one in found:
        page.append(one)
        if len(page) == PATHS_PER_CHECK:
            for pair in await asyncio.to_thread(check_listed, page, roots):
                yield pair
            page = []
    for pair in await asyncio.to_thread(check_listed, page, roots):
        yield pair


def is_listed(
    path: Path, roots: Sequence[Path], *, realpath: Callable[[Path], str] = os.path.realpath
) -> bool | None:
    """Return whether `walk(roots)` yields `path`; None when `path` is below none of them.

    False only if the file system reports that it does not exist: a path that cannot be checked
    counts as listed.
    """
    root = next((root for root in roots if root == path or root in path.parents), None)
    if root is None:
        return None
    try:
        is_file = stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    between = path.relative_to(root).parts
    passed_over = any(map(_is_hidden, between)) or (between and kind(path) is None)
    # Below a folder that has become a link, the path leads somewhere else.
    return is_file and not passed_over and realpath(path.parent) == str(path.parent)


def may_be_listed(path: Path, roots: Sequence[Path]) -> bool:
    """Return whether a change at `path` may be one of what `walk(roots)` yields.

    What is gone may have been a folder, whatever its name.
    """
    for root in roots:
        if root == path:
            return True
        if root in path.parents:
            hidden = any(map(_is_hidden, path.relative_to(root).parts))
            return not hidden and (kind(path) is not None or not os.path.isfile(path))  # noqa: PTH113  as above
    return False


def check_listed(page: Sequence[F], roots: Sequence[Path]) -> list[tuple[F, bool | None]]:
    """Return each of `page` with the result of `is_listed`. Blocks."""
    # One folder's files share the look at what leads to it; the next page looks again.
    realpath = cache(os.path.realpath)
    return [(one, is_listed(one.path, roots, realpath=realpath)) for one in page]


def _below(folder: Path) -> Iterator[FilePart | FileOutcome]:
    if Path(os.path.realpath(folder)) != folder:
        return  # it, or one above it, has become a link since it was listed
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if is_want(error):  # it is no fault of the folder
            raise OutOfResources(str(folder), (error.strerror or "").lower()) from error
        reason = f"the folder cannot be listed: {(error.strerror or str(error)).lower()}"
        yield FileOutcome(folder, "failed", reason)
        return
    for entry in listed:
        if _is_hidden(entry.name) or entry.is_symlink():
            continue
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(path)
        elif entry.is_file(follow_symlinks=False) and kind(path) is not None:
            yield from _file(path, partial(entry.stat, follow_symlinks=False))


def _file(path: Path, status: Callable[[], os.stat_result]) -> Iterator[FilePart | FileOutcome]:
    try:
        yield FilePart(path, status().st_size)
    except FileNotFoundError:
        return  # it vanished since it was listed
    except OSError as error:
        reason = f"cannot be read: {(error.strerror or str(error)).lower()}"
        yield FileOutcome(path, "failed", reason)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in {"__pycache__", "node_modules"}
