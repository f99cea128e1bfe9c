"""`alir ingest`: after it, the index is what the folder is. A dry run, and `alir retry`."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alir.steps.ingest import read_file

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Report = dict[str, Any]

MOON = "The moon is made of green basalt."
TEA = "Green tea is steeped for two minutes."
HORSE = "The mayor of Lund is a horse."


@pytest.fixture
def ingest(invoke: Command) -> Callable[..., Report]:
    """Ingest, and return the report without its times."""

    def run(*arguments: object) -> Report:
        done = invoke("ingest", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        return {key: report[key] for key in report.keys() - {"seconds", "embedded", "reused"}}

    return run


@pytest.fixture
def found(invoke: Command) -> Callable[..., dict[str, str]]:
    """Ask for everything at once: what stands in the index, by file name."""

    def run(*arguments: object) -> dict[str, str]:
        done = invoke("ask", "moon tea mayor", "--top-k", "100", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        sources = json.loads(done.stdout)["sources"]
        return {Path(source["file"]).name: source["text"] for source in sources}

    return run


@pytest.fixture
def docs(desk: Path) -> Path:
    """A folder of two documents."""
    return folder(desk / "docs", moon=MOON, tea=TEA)


def folder(path: Path, **texts: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in texts.items():
        (path / f"{name}.txt").write_text(text)
    return path


def counts(**changed: int) -> Report:
    nothing = dict.fromkeys(("added", "updated", "moved", "deleted", "unchanged"), 0)
    return {**nothing, "failed": [], "mended": [], **changed}


def test_what_is_new_is_added_and_what_is_not_is_left_alone(
    ingest: Callable[..., Report], found: Callable[..., dict[str, str]], docs: Path
) -> None:
    assert ingest("docs") == counts(files=2, chunks=2, added=2)
    assert ingest("docs") == counts(files=2, chunks=2, unchanged=2)
    folder(docs, horse=HORSE)
    assert ingest("docs") == counts(files=3, chunks=3, added=1, unchanged=2)
    assert found() == {"moon.txt": MOON, "tea.txt": TEA, "horse.txt": HORSE}


def test_an_edited_file_is_replaced(
    ingest: Callable[..., Report], found: Callable[..., dict[str, str]], docs: Path
) -> None:
    ingest("docs")
    folder(docs, moon="The moon is made of rice.")
    assert ingest("docs") == counts(files=2, chunks=2, updated=1, unchanged=1)
    assert found() == {"moon.txt": "The moon is made of rice.", "tea.txt": TEA}


def test_a_file_that_shrinks_leaves_none_of_its_chunks_behind(
    ingest: Callable[..., Report], found: Callable[..., dict[str, str]], docs: Path
) -> None:
    folder(docs, moon=f"{MOON} " * 200)
    assert ingest("docs")["chunks"] > 5
    folder(docs, moon=MOON)
    assert ingest("docs") == counts(files=2, chunks=2, updated=1, unchanged=1)


def test_the_text_of_a_deleted_file_is_found_no_more(
    ingest: Callable[..., Report], found: Callable[..., dict[str, str]], docs: Path
) -> None:
    ingest("docs")
    (docs / "moon.txt").unlink()
    assert ingest("docs") == counts(files=1, chunks=1, deleted=1, unchanged=1)
    assert found() == {"tea.txt": TEA}


def test_a_renamed_file_goes_by_its_new_name_alone(
    ingest: Callable[..., Report], found: Callable[..., dict[str, str]], docs: Path
) -> None:
    ingest("docs")
    (docs / "moon.txt").rename(docs / "luna.txt")
    assert ingest("docs") == counts(files=2, chunks=2, moved=1, unchanged=1)
    assert found() == {"luna.txt": MOON, "tea.txt": TEA}


def test_two_folders_in_one_collection_leave_each_other_alone(
    ingest: Callable[..., Report], found: Callable[..., dict[str, str]], docs: Path, desk: Path
) -> None:
    # A name that the other's begins with, as a path comparison by letters would confuse them.
    other = folder(desk / "docs2", horse=HORSE)
    ingest("docs")
    assert ingest("docs2") == counts(files=1, chunks=3, added=1)
    assert ingest("docs") == counts(files=2, chunks=3, unchanged=2)
    (other / "horse.txt").unlink()
    folder(other, horses="Two horses.")
    assert ingest("docs", "docs2") == counts(files=3, chunks=3, added=1, deleted=1, unchanged=2)


def test_a_file_and_its_folder_are_one_root(ingest: Callable[..., Report], docs: Path) -> None:
    assert ingest(docs / "moon.txt") == counts(files=1, chunks=1, added=1)
    assert ingest(docs / "moon.txt", "docs") == counts(files=2, chunks=2, added=1, unchanged=1)


def test_a_folder_that_is_not_there_deletes_nothing(
    invoke: Command,
    ingest: Callable[..., Report],
    found: Callable[..., dict[str, str]],
    docs: Path,
) -> None:
    ingest("docs")
    docs.rename(docs.with_name("elsewhere"))
    assert invoke("ingest", "docs").returncode == 4
    assert found() == {"moon.txt": MOON, "tea.txt": TEA}


def test_collections_are_worlds_of_their_own(
    ingest: Callable[..., Report], found: Callable[..., dict[str, str]], docs: Path
) -> None:
    ingest("docs")
    assert ingest(docs / "tea.txt", "--collection", "other")["chunks"] == 1
    assert found("--collection", "other") == {"tea.txt": TEA}
    assert found() == {"moon.txt": MOON, "tea.txt": TEA}


def test_the_summary_of_a_run_is_for_people(invoke: Command, docs: Path) -> None:
    shown = invoke("ingest", "docs")
    assert shown.stdout.startswith("2 files: 2 added. The index holds 2 chunks. ")
    assert invoke("ingest", "docs").stdout.startswith("2 files: 2 unchanged. ")


def test_alir_s_own_files_are_no_documents(invoke: Command, docs: Path) -> None:
    own = {"ALIR_MILVUS_URI": str(docs / "own.db")}
    for outcome in ("added", "unchanged"):
        report = json.loads(invoke("ingest", "docs", "--json", **own).stdout)
        assert (report["files"], report[outcome]) == (2, 2)
    assert len([*docs.iterdir()]) > 3, "they lie there"


def test_what_failed_is_listed_and_tried_again(invoke: Command, docs: Path) -> None:
    assert invoke("retry").stdout == "No file failed.\n"
    bad = docs / "bad.pdf"
    bad.write_bytes(b"%PDF-1.4 no more")
    invoke("ingest", "docs")
    listed = invoke("status").stdout.splitlines()[-1]
    assert listed.startswith("failed, attempt 1  ")
    assert str(bad) in listed

    bad.write_text("Now it is text, of a moon.")
    bad.rename(docs / "bad.txt")
    again = invoke("retry", "--json")
    assert json.loads(again.stdout) is None, "it is not there under that name"

    (docs / "bad.txt").rename(bad)
    assert invoke("retry").returncode != 0
    assert "failed, attempt 2  " in invoke("status").stdout


def test_a_failed_file_that_is_a_link_now_is_not_followed(invoke: Command, docs: Path) -> None:
    bad, outside = docs / "bad.pdf", docs.parent / "outside.txt"
    bad.write_bytes(b"%PDF-1.4 no more")
    invoke("ingest", "docs")
    bad.unlink()
    outside.write_text(HORSE)
    bad.symlink_to(outside)

    again = json.loads(invoke("retry", "--json").stdout)

    assert again["failed"] == [
        {
            "file": str(bad),
            "reason": "is a link, or lies behind one; links are not followed, name what it points "
            "to",
        }
    ]
    assert json.loads(invoke("status", "--json").stdout)["files"] == len([*docs.iterdir()]) - 1


def test_a_failed_file_with_a_path_that_is_too_long_is_tried_again(
    invoke: Command, desk: Path
) -> None:
    folder = os.open(desk, os.O_RDONLY)
    for _ in range(200):
        os.mkdir("a folder of some length", dir_fd=folder)
        below = os.open("a folder of some length", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(os.open("bad.pdf", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.close(folder)

    first = invoke("ingest", "a folder of some length", "--json")
    again = invoke("retry", "--json")

    for done in (first, again):
        [failed] = json.loads(done.stdout)["failed"]
        assert failed["reason"] == "is empty; fill it or leave it out"
        assert len(failed["file"]) > os.pathconf(desk, "PC_PATH_MAX")


def test_all_files_are_read_again_if_asked(
    ingest: Callable[..., Report],
    invoke: Command,
    docs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(read_file, "TICK_NS", 0)  # the times are of this moment
    ingest("docs")

    def reasons(*options: str) -> set[str]:
        plan = json.loads(invoke("sync", "docs", "--dry-run", "--json", *options).stdout)
        return {one["reason"] for one in plan["plan"]}

    assert reasons() == {"same size and times"}
    assert reasons("--rehash") == {"same content"}
    assert ingest("docs", "--rehash")["unchanged"] == len([*docs.iterdir()])


def test_a_dry_run_says_what_sync_would_do_and_does_nothing(invoke: Command, desk: Path) -> None:
    (desk / "docs").mkdir()
    (desk / "docs" / "moon.txt").write_text("The moon is made of green basalt.\n")
    said = invoke("sync", "docs", "--dry-run")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        "add     docs/moon.txt: the index does not hold it; 1 of 1 chunk to embed",
        "1 file: 1 add. A run would embed at most 1 chunk in 1 call. Nothing was written.",
    ]
    plan = json.loads(invoke("ingest", "docs", "--dry-run", "--json").stdout)
    assert plan.pop("seconds") > 0
    assert plan == {
        "files": 1,
        **dict.fromkeys(("change", "move", "delete", "unchanged", "fail", "superseded"), 0),
        **dict.fromkeys(("add", "chunks", "to_embed", "embedding_calls"), 1),
        "refusal": "",
        "plan": [
            {
                "file": str(desk / "docs" / "moon.txt"),
                "action": "add",
                "reason": "the index does not hold it",
                "chunks": 1,
                "to_embed": 1,
            }
        ],
    }
    assert json.loads(invoke("status", "--json").stdout)["files"] == 0
