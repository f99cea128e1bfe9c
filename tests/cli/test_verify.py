"""`alir verify`: what a person and a program are told, and the exit codes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Complaint = Callable[["subprocess.CompletedProcess[str]", int], str]


def test_what_differs_is_told_and_mended(invoke: Command, desk: Path) -> None:
    docs = desk / "docs"
    docs.mkdir()
    (docs / "moon.txt").write_text("The moon is made of cheese.")
    assert invoke("ingest", "docs").returncode == 0

    done = invoke("verify", "docs")
    assert done.returncode == 0
    assert done.stdout.startswith("1 file, 1 row: folder, ledger and index agree. ")

    (docs / "sun.txt").write_text("The sun is not.")
    done = invoke("verify", "docs")
    assert (done.returncode, done.stderr) == (6, "")
    told, sums = done.stdout.splitlines()
    assert told == "differs  docs/sun.txt: the index does not hold it"
    assert "1 difference. Nothing was written; alir verify --repair mends." in sums
    assert invoke("verify").returncode == 0, "without a path nobody knows of it"

    done = invoke("verify", "docs", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 6
    assert report["repair"] is False
    assert (
        report["remaining"]
        == report["differences"]
        == [
            {
                "file": str(docs / "sun.txt"),
                "kind": "not held",
                "difference": "the index does not hold it",
            }
        ]
    )

    done = invoke("verify", "docs", "--repair")
    assert done.returncode == 0
    told, sums = done.stdout.splitlines()
    assert told == "mended  docs/sun.txt: the index does not hold it"
    assert sums.startswith("2 files, 2 rows: 1 difference mended, 0 left. ")
    assert "2 unchanged" in invoke("ingest", "docs").stdout


def test_what_is_left_is_told(invoke: Command, desk: Path) -> None:
    (desk / "empty.txt").write_text("")
    invoke("ingest", "empty.txt")

    done = invoke("verify", "--repair")

    assert done.returncode == 6
    assert done.stdout.startswith("left  empty.txt: ")
    assert "0 differences mended, 1 left" in done.stdout


def test_a_path_that_is_not_there_and_an_index_of_other_chunks_are_refused(
    invoke: Command, complaint: Complaint, desk: Path
) -> None:
    assert "nothing.txt does not exist" in complaint(invoke("verify", "nothing.txt"), 4)
    (desk / "moon.txt").write_text("The moon is made of cheese.")
    assert invoke("ingest", "moon.txt").returncode == 0
    assert "alir rebuild" in complaint(invoke("verify", ALIR_CHUNK_TOKENS="64"), 3)


def test_many_deletions_are_for_a_repair(invoke: Command) -> None:
    done = invoke("verify", "--delete-many")
    assert done.returncode == 2
    assert "--repair" in done.stderr
