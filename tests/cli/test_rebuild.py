"""`alir rebuild`: what a person and a program are told."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Complaint = Callable[["subprocess.CompletedProcess[str]", int], str]


def test_an_index_is_made_anew_taken_back_and_dropped(
    invoke: Command, complaint: Complaint, desk: Path
) -> None:
    (desk / "moon.txt").write_text("The moon is made of cheese. " * 20)
    assert invoke("ingest", "moon.txt").returncode == 0
    told = complaint(invoke("ingest", "moon.txt", ALIR_CHUNK_TOKENS="64"), 3)
    assert "chunks of 254 tokens, not 64" in told
    assert "alir rebuild" in told

    smaller = {"ALIR_CHUNK_TOKENS": "64"}
    done = invoke("rebuild", "--json", **smaller)
    report = json.loads(done.stdout)
    assert list(report) == [
        "collection",
        "previous",
        "files",
        "chunks",
        "embedded",
        "gone",
        "lacking",
        "failed",
        "seconds",
    ]
    assert (report["files"], report["gone"], report["lacking"]) == (1, [], [])
    assert report["chunks"] == report["embedded"] > 1
    status = json.loads(invoke("status", "--json", **smaller).stdout)
    assert (status["live"], status["kept"]) == (report["collection"], [report["previous"]])

    back = invoke("rebuild", "--rollback", **smaller)
    assert "ALIR_CHUNK_TOKENS=254" in back.stdout
    assert "1 unchanged" in invoke("ingest", "moon.txt").stdout
    assert f"Dropped {report['collection']}." in invoke("rebuild", "--drop-old").stdout
    assert "Nothing is kept" in invoke("rebuild", "--drop-old").stdout
    assert "kept to go back to" in complaint(invoke("rebuild", "--rollback"), 4)
    assert "nothing to rebuild" in complaint(invoke("rebuild"), 4)
    (desk / "sun.txt").write_text("The sun is not.")
    assert invoke("ingest", "sun.txt").returncode == 0
    told = complaint(invoke("rebuild", "moon.txt", **smaller), 4)
    assert "sun.txt" in told
    assert "--switch-anyway" in told
    assert "left out  sun.txt" in invoke("rebuild", "moon.txt", "--switch-anyway", **smaller).stdout


@pytest.mark.parametrize("others", [["--drop-old"], ["docs"], ["--switch-anyway"]])
def test_to_go_back_is_one_thing_and_to_rebuild_another(invoke: Command, others: list[str]) -> None:
    done = invoke("rebuild", "--rollback", *others)
    assert done.returncode == 2
    assert "stand alone" in done.stderr
