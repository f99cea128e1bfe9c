"""Which of some roots a path is below; the cost does not grow with their number."""

from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path


class RootLookup:
    """Tells which of some roots a path is below; of nested ones, which of the outer. Its cost does
    not grow with their number.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots: list[Path] = []
        self._keys: list[str] = []
        for key, root in sorted((path_key(root), root) for root in roots):
            if not self._keys or not _is_below(key, self._keys[-1]):
                self._roots.append(root)
                self._keys.append(key)

    def find(self, path: Path) -> Path | None:
        """Return the root that is `path` or holds it; None if none does."""
        key = path_key(path)
        # Between a root and what is below it, only what is below it is sorted.
        before = bisect_right(self._keys, key) - 1
        return self._roots[before] if before >= 0 and _is_below(key, self._keys[before]) else None


def path_key(path: Path) -> str:
    """Return what paths are sorted by: a folder stands just before all that is below it."""
    # The separator before all other characters: "a/b" directly after "a", before "a-b".
    return str(path).rstrip("/").replace("/", "\0")


def is_below(path: Path, roots: RootLookup | None) -> bool:
    """Return whether `path` is below one of `roots`; None is everywhere."""
    return roots is None or roots.find(path) is not None


def _is_below(key: str, root: str) -> bool:
    return key == root or key.startswith(f"{root}\0")
