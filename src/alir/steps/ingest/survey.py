"""Survey: check the given paths, and count the files below them."""

import os
from collections.abc import Sequence
from pathlib import Path

from alir.errors import NothingToIngest, PathNotFound
from alir.models.files import FilePart, Roots
from alir.steps.ingest.walk import walk


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
