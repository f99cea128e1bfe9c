"""Requests that cannot be served: one sentence that names what is wrong, and exit code 4."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Complaint = Callable[["subprocess.CompletedProcess[str]", int], str]

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
ENCRYPTED = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>/ID[<00><00>]" % (
    b"28" * 32,
    b"5e" * 32,
)


@pytest.fixture
def bad_files(desk: Path, pdf: Callable[..., bytes]) -> dict[str, str]:
    """Write `bad/`, a folder of files that cannot be read; return what must be said of each."""
    (desk / "bad").mkdir()
    contents = {
        "binary.txt": (bytes(range(256)) * 50, "binary"),
        "blank.txt": (b" \n\t\n ", "no text"),
        "empty.txt": (b"", "empty"),
        "image.txt": (PNG, "PNG image"),
        "locked.pdf": (pdf("Secret.", trailer=ENCRYPTED), "remove the password"),
        "truncated.pdf": (pdf("Whole.")[:-150], "truncated"),
        "words.pdf": (b"These are words.", "name it .txt"),
    }
    for name, (content, _) in contents.items():
        (desk / "bad" / name).write_bytes(content)
    return {name: told for name, (_, told) in contents.items()}


def test_a_path_that_does_not_exist(invoke: Command, complaint: Complaint, desk: Path) -> None:
    (desk / "there.txt").write_text("Some words.")
    told = complaint(invoke("ingest", "there.txt", "not-there"), 4)
    assert "not-there does not exist" in told
    told = complaint(invoke("ask", "why?", "--source", "not-there"), 4)
    assert "not-there does not exist" in told


@pytest.mark.parametrize("files", [[], ["photo.png"], [".hidden.txt", "archive.zip"]])
def test_a_folder_with_nothing_to_read(
    invoke: Command, complaint: Complaint, desk: Path, files: list[str]
) -> None:
    folder = desk / "empty"
    folder.mkdir()
    for name in files:
        (folder / name).write_bytes(PNG)
    told = complaint(invoke("ingest", "empty"), 4)
    assert told.startswith("alir: empty: ")
    assert "Name a text, Markdown, HTML, PDF" in told


@pytest.mark.parametrize("question", ["", "  \n\t "])
def test_a_question_without_words(invoke: Command, complaint: Complaint, question: str) -> None:
    assert "question is empty" in complaint(invoke("ask", question), 4)


def test_a_question_before_anything_was_ingested(invoke: Command, complaint: Complaint) -> None:
    told = complaint(invoke("ask", "Is anybody there?", "--collection", "nobody"), 4)
    assert "'nobody'" in told
    assert "alir ingest PATH" in told


def test_files_that_cannot_be_read_do_not_stop_the_others(
    invoke: Command, desk: Path, bad_files: dict[str, str]
) -> None:
    (desk / "bad" / "good.txt").write_text("The moon is made of green basalt.")
    done = invoke("ingest", "bad", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert (report["files"], report["added"], report["chunks"]) == (len(bad_files) + 1, 1, 1)
    failed = {Path(one["file"]).name: one["reason"] for one in report["failed"]}
    assert failed.keys() == bad_files.keys()
    for name, told in bad_files.items():
        assert told in failed[name]
    assert sorted(done.stderr.splitlines()) == sorted(
        f"bad/{name}: {reason}" for name, reason in failed.items()
    )
    answer = json.loads(invoke("ask", "What is the moon made of?", "--json").stdout)
    assert answer["text"] == "The moon is made of green basalt. [1]"


def test_a_file_that_cannot_be_read_alone_is_an_error(
    invoke: Command, bad_files: dict[str, str]
) -> None:
    for name, told in bad_files.items():
        done = invoke("ingest", f"bad/{name}")
        assert done.returncode == 4
        assert done.stdout.startswith("1 file: 1 failed. The index holds 0 chunks. ")
        [line] = done.stderr.splitlines()
        assert line.startswith(f"bad/{name}: ")
        assert told in line
    done = invoke("ingest", "bad", "--json")
    assert (done.returncode, len(json.loads(done.stdout)["failed"])) == (4, len(bad_files))


def test_a_file_that_can_be_read_no_more_keeps_its_place_in_the_index(
    invoke: Command, desk: Path
) -> None:
    (desk / "moon.txt").write_text("The moon is made of green basalt.")
    assert invoke("ingest", "moon.txt").returncode == 0
    (desk / "moon.txt").write_bytes(PNG)
    done = invoke("ingest", "moon.txt", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 4
    assert (report["chunks"], report["deleted"], len(report["failed"])) == (1, 0, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_does_not_hang(alir: Command, desk: Path) -> None:
    os.mkfifo(desk / "pipe.txt")
    done = alir("ingest", "pipe.txt", timeout_s=30)
    assert done.returncode == 4
    assert done.stderr == "pipe.txt: is not a regular file; leave it out\n"


@pytest.mark.parametrize("arguments", [["ingest", ""], ["ask", "why?", "--source", ""]])
def test_an_empty_path_is_not_the_working_directory(
    invoke: Command, desk: Path, arguments: list[str]
) -> None:
    """As `alir ingest "$DOCS"` has it where DOCS is not set."""
    (desk / "private.txt").write_text("Nobody asked for this.")
    done = invoke(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a path is empty" in done.stderr


def test_a_document_controls_no_terminal(invoke: Command, desk: Path) -> None:
    evil = desk / "evil\x1b]0;title\x07.txt"
    evil.write_text("The red fox\x1b[2J sleeps in the \x1b]8;;https://evil.example\x07den.\n")
    (desk / "broken\x1b[31m.json").write_bytes(b"\x00\x01" * 99)

    ingested = invoke("ingest", ".", ALIR_COLLECTION="controls")
    asked = invoke("ask", "Where does the red fox sleep?", ALIR_COLLECTION="controls")
    told = invoke("status", ALIR_COLLECTION="controls")

    assert "red fox" in asked.stdout
    assert "broken␛[31m.json" in ingested.stderr
    for done in (ingested, asked, told):
        assert not set("\x1b\x07") & set(done.stdout + done.stderr)
