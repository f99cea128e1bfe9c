"""Walk: list the files below the given paths, in order, and never leave the paths."""

import asyncio
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol, TypeVar

from alir.models.file_kinds import kind
from alir.models.files import EarlierRoots, FileOutcome, FilePart
from alir.models.root_lookup import RootLookup, path_key
from alir.steps.ingest.open_file import OpenFolders, check_want, is_behind_a_link, reason

GROUP_FILES = 64
GROUP_BYTES = 500_000
"""A larger file is a group of its own."""
PATHS_PER_CHECK = 1000
"""Paths checked in one call: it bounds memory, and how long a folder stays open."""

_HIDDEN = frozenset({"__pycache__", "node_modules"})
NO_EARLIER = EarlierRoots()


class HasPath(Protocol):
    """A value with the path of a file."""

    @property
    def path(self) -> Path:
        """The path."""
        ...


F = TypeVar("F", bound=HasPath)


def walk(
    roots: Sequence[Path], *, check: Callable[[], None] = lambda: None
) -> Iterator[FilePart | FileOutcome]:
    """Yield every file below `roots`, which are real paths, sorted within each folder.

    Hidden files and folders and files of kinds that hold no text are passed over, unless named
    as a root themselves. Links are not followed: what they point to is ingested where it is. A
    folder that cannot be listed comes as a failed outcome. Each level costs the same, however deep.

    Args:
        check: called for each folder; may end the walk by raising.
    """
    with OpenFolders() as folders:
        for root in roots:
            yield from _below(root, folders, check)


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
    found: AsyncIterable[F], roots: Sequence[Path], earlier: EarlierRoots = NO_EARLIER
) -> AsyncIterator[tuple[F, bool | None]]:
    """Yield each of `found` with the result of `is_listed`; checks off the event loop."""
    page: list[F] = []
    async for one in found:
        page.append(one)
        if len(page) == PATHS_PER_CHECK:
            for pair in await asyncio.to_thread(check_listed, page, roots, earlier):
                yield pair
            page = []
    for pair in await asyncio.to_thread(check_listed, page, roots, earlier):
        yield pair


def is_listed(
    path: Path,
    roots: Sequence[Path] | RootLookup,
    earlier: EarlierRoots = NO_EARLIER,
    *,
    folders: OpenFolders | None = None,
) -> bool | None:
    """Return whether `walk(roots)` yields `path`; None when `path` is below none of them.

    False only if the file system reports that it does not exist, or if it went with an earlier
    root: a path that cannot be checked counts as listed.

    Args:
        earlier: what roots led to before; it is not looked at.
        folders: folders that are open already; near them a look is cheap.
    """
    root = (roots if isinstance(roots, RootLookup) else RootLookup(roots)).find(path)
    if root is None:
        return False if earlier.holds(path) else None
    try:
        with nullcontext(folders) if folders else OpenFolders() as opened:
            is_file = stat.S_ISREG(opened.status(path).st_mode)
    except FileNotFoundError:
        return False
    except OSError as error:
        # Below a folder that has become a link, the path leads somewhere else.
        return not is_behind_a_link(error)
    return is_file and (path == root or not (_is_in_hidden(path, root) or kind(path) is None))


def may_be_listed(path: Path, roots: Sequence[Path]) -> bool:
    """Return whether a change at `path` may be one of what `walk(roots)` yields.

    What is gone may have been a folder, whatever its name.
    """
    root = RootLookup(roots).find(path)
    if root is None or root == path:
        return root is not None
    hidden = _is_in_hidden(path, root)
    return not hidden and (kind(path) is not None or not os.path.isfile(path))  # noqa: PTH113  `Path.is_file` raises where it may not look


def check_listed(
    page: Sequence[F], roots: Sequence[Path], earlier: EarlierRoots = NO_EARLIER
) -> list[tuple[F, bool | None]]:
    """Return each of `page` with the result of `is_listed`. Blocks."""
    lookup = RootLookup(roots)
    found: dict[int, bool | None] = {}
    # In the order of the paths: what lies near the path before is cheap to reach.
    with OpenFolders() as folders:
        for number in sorted(range(len(page)), key=lambda one: path_key(page[one].path)):
            found[number] = is_listed(page[number].path, lookup, earlier, folders=folders)
    return [(one, found[number]) for number, one in enumerate(page)]


def _below(
    root: Path, folders: OpenFolders, check: Callable[[], None]
) -> Iterator[FilePart | FileOutcome]:
    """Yield what is below `root`, or `root` itself if it is no folder."""
    try:
        is_folder = stat.S_ISDIR(folders.status(root).st_mode)
    except FileNotFoundError:
        return  # it vanished since it was given
    except OSError as error:
        check_want(root, error)
        yield FileOutcome(root, "failed", reason(error))
        return
    # A list, where calls of each other would be simpler: Python's stack is not as deep as folders.
    levels = [iter([(root, is_folder)])]
    while levels:
        for path, is_folder in levels[-1]:
            if not is_folder:
                yield from _file(path, folders)
                continue
            check()
            try:
                levels.append(_entries(path, folders))
            except OSError as error:
                yield from _unlisted(path, error)
            else:
                break
        else:
            levels.pop()


def _entries(folder: Path, folders: OpenFolders) -> Iterator[tuple[Path, bool]]:
    """Return what to look at in `folder`, in order, and whether each is a folder."""
    found: list[tuple[str, bool]] = []
    descriptor = folders.open_folder(folder)
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if _is_hidden(entry.name):
                    continue
                is_folder = entry.is_dir(follow_symlinks=False)
                is_file = entry.is_file(follow_symlinks=False)
                if is_folder or (is_file and kind(Path(entry.name)) is not None):
                    found.append((entry.name, is_folder))
    finally:
        os.close(descriptor)
    return ((folder / name, is_folder) for name, is_folder in sorted(found))


def _unlisted(folder: Path, error: OSError) -> Iterator[FileOutcome]:
    check_want(folder, error)
    if not isinstance(error, FileNotFoundError) and not is_behind_a_link(error):
        why = (error.strerror or str(error)).lower()
        yield FileOutcome(folder, "failed", f"the folder cannot be listed: {why}")
    # Else it vanished, or became a link, since it was listed.


def _file(path: Path, folders: OpenFolders) -> Iterator[FilePart | FileOutcome]:
    try:
        yield FilePart(path, folders.status(path).st_size)
    except FileNotFoundError:
        return  # it vanished since it was listed
    except OSError as error:
        check_want(path, error)
        yield FileOutcome(path, "failed", reason(error))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _HIDDEN


def _is_in_hidden(path: Path, root: Path) -> bool:
    """Return whether one of the parts below `root` is hidden; searched in one string."""
    between = f"{path_key(path)[len(path_key(root)) :]}\0"
    return "\0." in between or any(f"\0{name}\0" in between for name in _HIDDEN)
