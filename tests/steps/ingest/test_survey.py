"""Survey: what paths a caller may name, and what stands below them."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from alir.errors import NothingToIngest, PathNotFound
from alir.models.files import EarlierRoots, FileOutcome, FilePart, Roots, RootTarget
from alir.steps.ingest.open_file import BEHIND_A_LINK
from alir.steps.ingest.survey import still_there, survey, with_earlier
from alir.steps.ingest.walk import walk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = Path(os.path.realpath(tmp_path)) / "root"
    folder.mkdir()
    return folder


def write(path: Path, text: str = "words") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_survey_counts_what_walk_finds(root: Path) -> None:
    for name in ("a/b/deep.txt", "a.txt", "photo.jpg", ".hidden.txt"):
        write(root / name)

    roots = survey([root])

    assert roots.paths == (root,)
    assert (roots.files, roots.size_bytes) == (2, 2 * len("words"))


def test_what_is_named_as_a_root_is_found_whatever_its_name(root: Path) -> None:
    hidden = write(root / ".hidden" / ".secret.txt")
    photo = write(root / "photo.jpg")

    roots = survey([hidden.parent, photo])

    assert roots.paths == (hidden.parent, photo)
    assert [one.path for one in walk([hidden, photo])] == [hidden, photo]


def test_a_root_given_as_a_link_is_what_it_points_to(root: Path) -> None:
    write(root / "a.txt")
    link = root.parent / "link"
    link.symlink_to(root)

    roots = survey([link])
    assert replace(roots, targets=()) == replace(survey([root]), targets=())
    assert roots.targets == (RootTarget(link, root),)
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


def test_where_links_are_not_followed_what_is_one_is_told(root: Path) -> None:
    outside = write(root.parent / "outside" / "a.txt")
    (root / "a.txt").symlink_to(outside)
    (root / "in").symlink_to(outside.parent)
    paths = [root / "a.txt", root / "in" / "a.txt"]

    roots = survey(paths, follow_links=False)

    assert (roots.paths, roots.files, roots.targets) == ((*paths,), 2, ())
    linked, behind = walk(roots.paths)
    assert isinstance(linked, FilePart), "what it is shows when it is opened"
    assert behind == FileOutcome(paths[1], "failed", BEHIND_A_LINK)
    with pytest.raises(PathNotFound):
        survey([root / "gone.txt"], follow_links=False)


def test_what_is_gone_is_told_from_what_cannot_be_looked_at(root: Path) -> None:
    kept = write(root / "a.txt")
    (root / "link").symlink_to(root / "nowhere")
    long = root / ("x" * 300)

    assert still_there([kept, root / "gone", long, root / "link", kept / "b"]) == [
        kept,
        root / "link",
        kept / "b",
    ]


@pytest.mark.parametrize("odd", ["nul\0", "x" * 300, "y/" * 3000])
def test_a_path_that_can_be_of_no_file_does_not_exist(root: Path, odd: str) -> None:
    for follow_links in (True, False):
        with pytest.raises(PathNotFound):
            survey([root / odd], follow_links=follow_links)


def at(given: str, real: str) -> RootTarget:
    return RootTarget(Path(given), Path(real))


@pytest.mark.parametrize(
    ("targets", "recorded", "earlier"),
    [
        ([at("/now", "/4")], [], ([], [])),
        ([at("/now", "/4")], [at("/now", "/4")], ([], [])),
        ([at("/now", "/4")], [at("/now", "/2"), at("/now", "/3")], (["/2", "/3"], [])),
        ([at("/now", "/4")], [at("/old", "/3")], ([], [])),
        ([at("/now", "/4")], [at("/now", "/3"), at("/old", "/3")], ([], [])),
        ([at("/now", "/4")], [at("/now", "/3/a"), at("/old", "/3")], ([], [])),
        ([at("/now", "/4")], [at("/now", "/3"), at("/old", "/3/a")], (["/3"], ["/3/a"])),
        ([at("/now", "/4")], [at("/now", "/4/a")], ([], [])),
        ([at("/now", "/4/a")], [at("/now", "/4")], (["/4"], [])),
        ([at("/now", "/4"), at("/old", "/3")], [at("/now", "/3")], ([], [])),
    ],
)
def test_what_a_path_led_to_before_is_gone_unless_another_root_holds_it(
    targets: list[RootTarget], recorded: list[RootTarget], earlier: tuple[list[str], list[str]]
) -> None:
    roots = Roots(tuple(one.real for one in targets), 1, 1, targets=tuple(targets))

    found = with_earlier(roots, recorded).earlier

    assert found == EarlierRoots(*(tuple(map(Path, paths)) for paths in earlier))
