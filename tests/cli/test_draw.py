"""`alir draw` writes a page for each workflow."""

import subprocess
from collections.abc import Callable
from pathlib import Path

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def test_draw_writes_a_page_for_each_workflow(invoke: Command, desk: Path) -> None:
    done = invoke("draw", "--out", "pages")
    assert (done.returncode, done.stderr) == (0, "")
    names = [
        *("IngestCorpus", "IngestShard", "PlanIngest", "RebuildCorpus", "VerifyCorpus"),
        *("AskCorpus", "SearchCorpus", "Agent"),
    ]
    assert done.stdout.splitlines() == [f"pages/{name}.html" for name in names]
    for name in names:
        assert f"<title>{name}" in (desk / "pages" / f"{name}.html").read_text()
    assert {path.name for path in desk.iterdir()} == {"pages"}


def test_draw_into_a_place_that_cannot_be_written_is_wrong_usage(
    invoke: Command, desk: Path
) -> None:
    (desk / "file").write_text("not a folder")
    done = invoke("draw", "--out", "file/pages")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--out" in done.stderr
    assert "file/pages" in done.stderr
