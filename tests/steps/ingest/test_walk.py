"""Walk: everything a folder can hold, and what becomes of it while it is walked."""

import os
import shutil
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path

import pytest

from alir.errors import NothingToIngest, OutOfResources, PathNotFound
from alir.models.files import FileOutcome, FilePart
from alir.steps.ingest.walk import (
    GROUP_BYTES,
    GROUP_FILES,
    groups,
    is_listed,
    may_be_listed,
    survey,
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


@pytest.mark.timeout(10)
def test_survey_counts_what_walk_finds(root: Path) -> None:
    expected = furnish(root)

    roots = survey([root])

    assert roots.paths == (root,)
    assert (roots.files, roots.size_bytes) == (len(expected), len(expected) * len("words"))


def test_a_size_is_in_bytes(root: Path) -> None:
    write(root / "a.txt", "détail")

    assert list(walk([root])) == [FilePart(root / "a.txt", 7)]


def test_what_is_named_as_a_root_is_found_whatever_its_name(root: Path) -> None:
    hidden = write(root / ".hidden" / ".secret.txt")
    photo = write(root / "photo.jpg")

    roots = survey([hidden.parent, photo])

    assert roots.paths == (hidden.parent, photo)
    assert names(walk([hidden, photo]), root) == [".hidden/.secret.txt", "photo.jpg"]


def test_a_root_given_as_a_link_is_what_it_points_to(root: Path) -> None:
    write(root / "a.txt")
    link = root.parent / "link"
    link.symlink_to(root)

    assert survey([link]) == survey([root])
    assert survey([link / "a.txt"]).paths == (root / "a.txt",)


def test_roots_inside_another_count_once(root: Path) -> None:
    write(root / "a" / "1.txt")
    write(root / "2.txt")

    roots = survey([root / "a" / "1.txt", root / "a", root, str(root), f"{root}/a/.."])

    assert roots.paths == (root,)
    assert roots.files == 2


def test_a_folder_whose_name_begins_like_another_is_not_inside_it(root: Path) -> None:
    write(root / "docs" / "1.txt")
    write(root / "docs-old" / "2.txt")

    assert survey([root / "docs", root / "docs-old"]).files == 2
    assert is_listed(root / "docs-old" / "2.txt", [root / "docs"]) is None


def test_relative_paths_and_the_home_folder_become_absolute(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root / "docs" / "1.txt")
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(root))

    assert survey(["docs"]).paths == (root / "docs",)
    assert survey(["~/docs"]).paths == (root / "docs",)


@pytest.mark.parametrize("name", ["missing", "missing/a.txt", "~nobody-has-this-name/docs"])
def test_a_path_that_does_not_exist_is_named_as_it_was_given(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write(root / "a.txt")
    monkeypatch.chdir(root)

    with pytest.raises(PathNotFound, match=f"^{name} does not exist"):
        survey(["a.txt", name])


def test_a_dangling_link_does_not_exist(root: Path) -> None:
    (root / "link").symlink_to(root / "nowhere")

    with pytest.raises(PathNotFound, match="link does not exist"):
        survey([root / "link"])


def test_a_folder_without_a_document_is_nothing_to_ingest(root: Path) -> None:
    write(root / "empty" / "photo.jpg").unlink()
    write(root / "photos" / "photo.jpg")

    for folder in (root / "empty", root / "photos"):
        with pytest.raises(NothingToIngest, match=f"^{folder}: hold no file that alir reads"):
            survey([folder])


def test_no_path_at_all_is_nothing_to_ingest() -> None:
    with pytest.raises(NothingToIngest, match="No path was given"):
        survey([])


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


def test_a_folder_that_cannot_be_listed_fails_alone(root: Path) -> None:
    for name in ("a.txt", "b/1.txt", "c.txt"):
        write(root / name)
    found = walk([root])

    first = next(found)
    shutil.rmtree(root / "b")
    rest = list(found)

    assert names([first, *rest], root) == ["a.txt", "b", "c.txt"]
    reason = "the folder cannot be listed: no such file or directory"
    assert rest[0] == FileOutcome(root / "b", "failed", reason)


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


def test_a_named_root_is_listed_whatever_its_name(root: Path) -> None:
    hidden = write(root / ".hidden" / "photo.jpg")

    assert is_listed(hidden, [hidden]) is True
    assert is_listed(hidden, [hidden.parent]) is False
    assert is_listed(write(root / ".hidden" / "a.txt"), [hidden.parent]) is True


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
