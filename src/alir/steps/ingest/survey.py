"""Survey: check the given paths, and count the files below them."""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from alir.errors import NothingToIngest, PathNotFound
from alir.models.files import FilePart, Roots
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
    named = [_named(path, follow_links=follow_links) for path in paths]
    distinct: list[Path] = []
    for path in sorted(set(named)):  # what is below another stands after it
        if not distinct or not path.is_relative_to(distinct[-1]):
            distinct.append(path)
    roots = tuple(distinct)
    files = size_bytes = 0
    empty = []
    for root in roots:
        before = files
        for part in walk([root], check=check):
            files += 1
            size_bytes += part.size_bytes if isinstance(part, FilePart) else 0
        if files == before:
            empty.append(root)
    if not files:
        raise NothingToIngest(", ".join(str(path) for path in paths))
    return Roots(roots, files, size_bytes, tuple(empty))


def _named(given: str | Path, *, follow_links: bool) -> Path:
    """Return the absolute path that is `given`; without any link if they are followed.

    Raises:
        PathNotFound: there is nothing.
    """
    # `Path.expanduser` raises for a user the system does not know.
    expanded = os.path.expanduser(given)  # noqa: PTH111
    try:
        path = Path(os.path.realpath(expanded) if follow_links else os.path.abspath(expanded))  # noqa: PTH100
        with OpenFolders() as folders:
            folders.status(path)
    except ValueError as error:  # a NUL
        raise PathNotFound(Path(given)) from error
    except OSError as error:
        # Of what may not be looked at, or is a link now, the walk tells.
        no_such_file = isinstance(error, FileNotFoundError) or error.errno == errno.ENAMETOOLONG
        if no_such_file or (follow_links and is_behind_a_link(error)):
            raise PathNotFound(Path(given)) from error
    return path
