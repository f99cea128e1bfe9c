"""Survey: check the given paths, and count the files below them."""

import errno
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from alir.errors import NothingToIngest, PathNotFound
from alir.models.files import EarlierRoots, FilePart, Roots, RootTarget
from alir.models.root_lookup import RootLookup
from alir.steps.ingest.open_file import OpenFolders, is_behind_a_link
from alir.steps.ingest.walk import walk


def survey(
    paths: Sequence[str | Path],
    *,
    follow_links: bool = True,
    check: Callable[[], None] = lambda: None,
) -> Roots:
    """Check that every path exists and count the files below them.

    Args:
        follow_links: whether a path may lead through links; the roots are what it leads to.
        check: called for each folder; may end the survey by raising.

    Raises:
        PathNotFound: one of `paths` does not exist.
        NothingToIngest: there is no file to read.
    """
    if not paths:
        raise NothingToIngest("No path was given", "there is nothing to ingest")
    with OpenFolders() as folders:
        named = [_named(path, folders, follow_links=follow_links) for path in paths]
    distinct: list[Path] = []
    for path in sorted({one.real for one in named}):  # what is below another stands after it
        if not distinct or not path.is_relative_to(distinct[-1]):
            distinct.append(path)
    lookup = RootLookup(distinct)
    filled: set[Path | None] = set()
    files = size_bytes = 0
    for part in walk(distinct, check=check):
        files += 1
        size_bytes += part.size_bytes if isinstance(part, FilePart) else 0
        filled.add(lookup.find(part.path))
    if not files:
        raise NothingToIngest(", ".join(str(path) for path in paths))
    empty = tuple(root for root in distinct if root not in filled)
    targets = tuple(one for one in named if follow_links and _is_root(one))
    return Roots(tuple(distinct), files, size_bytes, empty, targets)


def with_earlier(roots: Roots, recorded: Collection[RootTarget]) -> Roots:
    """Return `roots` with what its given paths led to before, from what is `recorded` of all."""
    given = {one.given for one in roots.targets}
    earlier = {one.real for one in recorded if one.given in given} - {
        one.real for one in roots.targets
    }
    others = {one.real for one in recorded if one.given not in given}
    held = RootLookup([*roots.paths, *others])
    gone = tuple(sorted(one for one in earlier if held.find(one) is None))
    below = RootLookup(gone)
    kept = tuple(sorted(one for one in others if below.find(one)))
    return replace(roots, earlier=EarlierRoots(gone, kept))


def still_there(paths: Sequence[Path]) -> list[Path]:
    """Return those of `paths`, absolute, where there is something, be it a link."""
    found = []
    with OpenFolders() as folders:
        for path in paths:
            try:
                folders.status(path)
            except OSError as error:
                if _is_missing(error):
                    continue
            found.append(path)
    return found


def _named(given: str | Path, folders: OpenFolders, *, follow_links: bool) -> RootTarget:
    """Return `given`, and the absolute path that it is; without any link if they are followed.

    Raises:
        PathNotFound: there is nothing.
    """
    # `Path.expanduser` raises for a user the system does not know.
    expanded = os.path.expanduser(given)  # noqa: PTH111
    try:
        path = Path(os.path.realpath(expanded) if follow_links else os.path.abspath(expanded))  # noqa: PTH100
        folders.status(path)
    except ValueError as error:  # a NUL
        raise PathNotFound(Path(given)) from error
    except OSError as error:
        # Of what may not be looked at, or is a link now, the walk tells.
        if _is_missing(error) or (follow_links and is_behind_a_link(error)):
            raise PathNotFound(Path(given)) from error
    return RootTarget(Path(expanded).absolute(), path)


def _is_root(target: RootTarget) -> bool:
    """Return whether what a path led to is worth knowing later: a file is only itself."""
    return target.given != target.real or os.path.isdir(target.real)  # noqa: PTH112  `Path.is_dir` raises where it may not look


def _is_missing(error: OSError) -> bool:
    return isinstance(error, FileNotFoundError) or error.errno == errno.ENAMETOOLONG
