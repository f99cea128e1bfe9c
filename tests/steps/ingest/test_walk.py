"""Walk: everything a folder can hold, and what becomes of it while it is walked."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import repeat
from pathlib import Path

import pytest

from alir.errors import OutOfResources
from alir.models.files import FileOutcome, FilePart
from alir.models.root_lookup import RootLookup
from alir.steps.ingest.walk import (
    GROUP_BYTES,
    GROUP_FILES,
    check_listed,
    groups,
    is_listed,
    may_be_listed,
    walk,
)
from tests.faults.scarce import no_descriptors


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = Path(os.path.realpath(tmp_path)) / "root"
    folder.mkdir()
    return folder


def write(path: Path, text: str = "words") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def names(found: Iterable[FilePart | FileOutcome], root: Path) -> list[str]:
    return [one.path.relative_to(root).as_posix() for one in found]


def furnish(root: Path) -> list[str]:
    """Fill `root` with one of everything; return what walk should find, in order."""
    for name in (
        "b.txt",
        "a/z.md",
        "a/b/deep.txt",
        "LICENSE",
        "a.txt",
        "unknown.kind",
        "with b.py",
    ):
        write(root / name)
    for name in (".hidden.txt", ".git/config.txt", "node_modules/x/a.js", "__pycache__/a.py"):
        write(root / name)
    for name in ("photo.JPG", "archive.zip", "archive.tar.gz", "index.db", "film.mp4", "a/x.so"):
        write(root / name)
    outside = write(root.parent / "outside" / "secret.txt")
    (root / "file-link.txt").symlink_to(outside)
    (root / "folder-link").symlink_to(outside.parent)
    (root / "loop").symlink_to(root)
    (root / "dangling.txt").symlink_to(root / "nowhere")
    os.mkfifo(root / "pipe.txt")
    return ["LICENSE", "a/b/deep.txt", "a/z.md", "a.txt", "b.txt", "unknown.kind", "with b.py"]


@pytest.mark.timeout(10)  # opening a pipe would wait for ever
def test_documents_are_found_in_order_and_all_else_is_passed_over(root: Path) -> None:
    expected = furnish(root)

    found = list(walk([root]))

    assert names(found, root) == expected
    assert all(isinstance(one, FilePart) for one in found)


def test_a_size_is_in_bytes(root: Path) -> None:
    write(root / "a.txt", "détail")

    assert list(walk([root])) == [FilePart(root / "a.txt", 7)]


def test_a_file_that_vanishes_while_its_folder_is_walked_is_passed_over(root: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        write(root / name)
    found = walk([root])

    first = next(found)
    (root / "b.txt").unlink()

    assert names([first, *found], root) == ["a.txt", "c.txt"]


def test_a_root_that_vanishes_is_passed_over(root: Path) -> None:
    paths = [write(root / name) for name in ("a.txt", "b.txt", "c.txt")]
    paths[1].unlink()

    assert names(walk(paths), root) == ["a.txt", "c.txt"]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's rights are root's to take on")
def test_a_folder_that_cannot_be_listed_fails_alone(root: Path) -> None:
    for name in ("a.txt", "b/1.txt", "c.txt"):
        write(root / name)
    shared = Path(tempfile.gettempdir()).resolve()
    for above in (root, *(one for one in root.parents if shared in one.parents)):
        above.chmod(0o755)
    (root / "b").chmod(0o700)
    os.seteuid(65_534)
    try:
        found = list(walk([root]))
    finally:
        os.seteuid(0)

    assert names(found, root) == ["a.txt", "b", "c.txt"]
    reason = "the folder cannot be listed: permission denied"
    assert found[1] == FileOutcome(root / "b", "failed", reason)


def test_a_folder_that_vanishes_while_its_parent_is_walked_is_passed_over(root: Path) -> None:
    for name in ("a.txt", "b/1.txt", "c.txt"):
        write(root / name)
    found = walk([root])

    first = next(found)
    shutil.rmtree(root / "b")

    assert names([first, *found], root) == ["a.txt", "c.txt"]


@pytest.fixture
def deep() -> Iterator[Callable[[Path, int], Path]]:
    """Make deep folders, which Python's and pytest's own functions cannot remove."""
    made: list[Path] = []

    def make(root: Path, levels: int) -> Path:
        made.append(root)
        return deepened(root, levels)

    yield make
    subprocess.run(["rm", "-rf", *made], check=True)


def deepened(root: Path, levels: int) -> Path:
    """Make folders in folders, each with a file; a path may be longer than the system takes."""
    folder = os.open(root, os.O_RDONLY)
    path = root
    for _ in range(levels):
        os.close(os.open("f.txt", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
        os.mkdir("dir", dir_fd=folder)
        below = os.open("dir", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder, path = below, path / "dir"
    os.close(folder)
    return path


def opened_by(act: Callable[[], object]) -> int:
    """Count the files and folders that are opened in `act`."""
    count = 0

    def hook(event: str, _: object) -> None:
        nonlocal count
        count += event == "open" and counting

    counting = True
    sys.addaudithook(hook)
    act()
    counting = False
    return count


@pytest.mark.timeout(60)
def test_folders_deeper_than_pythons_stack_and_the_longest_path_are_walked(
    root: Path, deep: Callable[[Path, int], Path]
) -> None:
    deepest = deep(root, 1_500)
    assert len(str(deepest)) > os.pathconf(root, "PC_PATH_MAX")

    found = list(walk([root]))

    assert len(found) == 1_500
    assert found[0].path == deepest.parent / "f.txt", "the deepest come first, by their names"
    assert {listed for _, listed in check_listed(found, [root])} == {True}
    assert is_listed(deepest / "gone.txt", [root]) is False
    before = [*Path("/dev/fd").iterdir()]
    next(walk([root]))
    assert [*Path("/dev/fd").iterdir()] == before, "what it had open is closed"


@pytest.mark.timeout(60)
def test_the_work_for_a_file_does_not_grow_with_its_depth(
    root: Path, deep: Callable[[Path, int], Path]
) -> None:
    (root / "a").mkdir()
    (root / "b").mkdir()
    deep(root / "a", 200)
    deep(root / "b", 800)

    def look(top: Path) -> None:
        check_listed([*walk([top])], [root])

    less, more = (opened_by(partial(look, root / name)) for name in ("a", "b"))

    assert more < 4 * less * 1.5, "4 times the files"


def test_a_folder_that_becomes_a_link_while_its_parent_is_walked_is_not_entered(
    root: Path,
) -> None:
    for name in ("a.txt", "b/1.txt", "c/d/1.txt", "e.txt"):
        write(root / name)
    write(root.parent / "outside" / "d" / "secret.txt")
    found = walk([root])

    first = next(found)
    for name in ("b", "c"):
        shutil.rmtree(root / name)
        (root / name).symlink_to(root.parent / "outside")

    assert names([first, *found], root) == ["a.txt", "e.txt"]


def test_a_folder_that_becomes_a_link_while_it_is_walked_is_left(root: Path) -> None:
    for name in ("a/1.txt", "a/b/2.txt", "c.txt"):
        write(root / name)
    write(root.parent / "outside" / "b" / "secret.txt")
    found = walk([root])

    first = next(found)
    shutil.rmtree(root / "a")
    (root / "a").symlink_to(root.parent / "outside")

    assert names([first, *found], root) == ["a/1.txt", "c.txt"]


def parts(sizes: Iterable[int]) -> Iterator[FilePart | FileOutcome]:
    return (FilePart(Path(f"/{number}"), size) for number, size in enumerate(sizes))


def sizes(found: Iterator[FilePart | FileOutcome]) -> list[list[int]]:
    return [
        [one.size_bytes for one in group if isinstance(one, FilePart)] for group in groups(found)
    ]


def test_a_group_is_bounded_by_its_number_of_files() -> None:
    found = list(groups(parts([1] * (2 * GROUP_FILES + 2))))

    assert [len(group) for group in found] == [GROUP_FILES, GROUP_FILES, 2]
    flat = [one.path.name for group in found for one in group]
    assert flat == [str(number) for number in range(2 * GROUP_FILES + 2)]


def test_a_group_is_bounded_by_its_bytes() -> None:
    most = GROUP_BYTES - 10

    assert sizes(parts([most, 10, 1, most, 9, 2])) == [[most, 10], [1, most, 9], [2]]


def test_a_huge_file_is_a_group_of_its_own() -> None:
    huge = 10 * GROUP_BYTES

    assert sizes(parts([1, huge, 0, 1])) == [[1], [huge], [0, 1]]
    assert sizes(parts([huge, huge])) == [[huge], [huge]]


def test_failed_folders_are_grouped_with_the_files() -> None:
    failed = FileOutcome(Path("/folder"), "failed", "cannot be listed")
    part = FilePart(Path("/a"), GROUP_BYTES)

    assert list(groups(iter([failed, part, failed]))) == [[failed, part, failed]]


def test_no_files_are_no_groups() -> None:
    assert list(groups(iter([]))) == []


def test_groups_looks_no_further_than_it_must() -> None:
    endless = groups(repeat(FilePart(Path("/a"), 1)))

    assert len(next(endless)) == GROUP_FILES


@pytest.mark.timeout(10)
def test_a_path_is_listed_exactly_if_walk_finds_it(root: Path) -> None:
    furnish(root)
    found = {one.path for one in walk([root])}
    everything = [
        Path(folder) / name
        for folder, _, files in os.walk(root, followlinks=False)
        for name in files
    ]
    everything += [root / "loop" / "a.txt", root / "folder-link" / "secret.txt", root / "a"]

    listed = {path: is_listed(path, [root]) for path in everything}

    assert listed == {path: path in found for path in everything}
    assert len(everything) > len(found) > 0


def test_the_root_of_a_path_is_found_among_many() -> None:
    paths = ["/", "/a", "/a-b", "/a/b", "/b/c", "/b/c.txt", "/b/c/d", "/é", "/z"]
    for roots in ([], ["/a", "/a/b", "/b/c"], ["/"], ["/a-b", "/b/c.txt", "/z"], ["/b/c/d", "/é"]):
        lookup = RootLookup(map(Path, roots))
        for path in map(Path, paths):
            outer = [Path(one) for one in sorted(roots) if path.is_relative_to(one)]
            assert lookup.find(path) == (outer[0] if outer else None), (roots, path)


def test_a_named_root_is_listed_whatever_its_name(root: Path) -> None:
    hidden = write(root / ".hidden" / "photo.jpg")

    assert is_listed(hidden, [hidden]) is True
    assert is_listed(hidden, [hidden.parent]) is False
    assert is_listed(write(root / ".hidden" / "a.txt"), [hidden.parent]) is True


def test_a_folder_whose_name_begins_like_another_holds_none_of_its_files(root: Path) -> None:
    write(root / "docs-old" / "2.txt")

    assert is_listed(root / "docs-old" / "2.txt", [root / "docs"]) is None


def test_a_path_outside_the_roots_is_neither_listed_nor_gone(root: Path) -> None:
    inside, outside = write(root / "in" / "1.txt"), write(root / "out" / "2.txt")

    assert is_listed(inside, [root / "in"]) is True
    assert is_listed(outside, [root / "in"]) is None
    assert is_listed(root / "out" / "gone.txt", [root / "in"]) is None
    assert is_listed(outside, []) is None


def test_what_is_gone_is_not_listed(root: Path) -> None:
    write(root / "file")

    assert is_listed(root / "gone.txt", [root]) is False
    assert is_listed(root / "gone" / "a.txt", [root]) is False
    assert is_listed(root / "file" / "a.txt", [root]) is False, "a file stands where a folder was"
    assert is_listed(root / "gone.txt", [root / "gone.txt"]) is False


def test_what_lies_below_a_folder_that_became_a_link_is_not_listed(root: Path) -> None:
    path = write(root / "b" / "1.txt")
    write(root.parent / "outside" / "1.txt")
    assert is_listed(path, [root]) is True

    shutil.rmtree(root / "b")
    (root / "b").symlink_to(root.parent / "outside")

    assert path.exists()
    assert is_listed(path, [root]) is False


def test_what_cannot_be_looked_at_counts_as_listed(root: Path) -> None:
    assert is_listed(root / ("long" * 100 + ".txt"), [root]) is True


def test_a_change_counts_where_walk_may_look(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "picture.jpg").write_bytes(b"")
    (root / "folder.jpg").mkdir()
    counts = {
        name: may_be_listed(root / name, [root])
        for name in ("a.txt", "gone", "folder.jpg", "picture.jpg", ".git/a.txt", ".a.txt", "../b")
    }
    assert [name for name, may in counts.items() if may] == ["a.txt", "gone", "folder.jpg"]
    assert may_be_listed(root / ".env", [root / ".env"])


def test_a_want_of_descriptors_is_no_fault_of_the_folder(root: Path) -> None:
    with no_descriptors(), pytest.raises(OutOfResources, match=str(root)):
        list(walk([root]))
