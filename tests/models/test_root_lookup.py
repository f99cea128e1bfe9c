"""Which root a path is below: whole parts of names count, and the outer of nested roots."""

from pathlib import Path

import pytest

from alir.models.root_lookup import RootLookup, is_below

ROOTS = [Path("/a"), Path("/a/b"), Path("/a-b/c.txt"), Path("/é")]


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/a", "/a"),
        ("/a/b/c.txt", "/a"),
        ("/a-b/c.txt", "/a-b/c.txt"),
        ("/a-b/c.txt/deep", "/a-b/c.txt"),
        ("/a-b", None),
        ("/ab", None),
        ("/", None),
        ("/é/x", "/é"),
    ],
)
def test_the_outermost_root_that_holds_a_path_is_found(path: str, root: str | None) -> None:
    assert RootLookup(ROOTS).find(Path(path)) == (None if root is None else Path(root))


def test_no_roots_at_all_hold_nothing_and_none_given_hold_everything() -> None:
    assert not is_below(Path("/a"), RootLookup([]))
    assert is_below(Path("/a"), None)
    assert is_below(Path("/a/x"), RootLookup(ROOTS))
