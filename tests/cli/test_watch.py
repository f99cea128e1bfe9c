"""`alir watch` as a process: a line a sync, and an end that is asked for."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Spawn = Callable[..., "subprocess.Popen[str]"]


def test_watch_prints_a_line_a_sync_and_ends_at_ctrl_c(desk: Path, spawn: Spawn) -> None:
    (desk / "docs").mkdir()
    (desk / "docs" / "moon.txt").write_text("The moon is made of green basalt.\n")
    watching = spawn(
        sys.executable,
        "-c",
        # A command in the background, as this suite may be, is deaf to Ctrl-C.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from alir.cli.main import main; main()",
        "watch",
        "docs",
        "--json",
        cwd=desk,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert watching.stdout is not None
    first = json.loads(watching.stdout.readline())
    (desk / "docs" / "tea.md").write_text("Green tea is steeped for two minutes.\n")
    second = json.loads(watching.stdout.readline())
    watching.send_signal(signal.SIGINT)
    rest, said = watching.communicate(timeout=30)

    assert [(line["added"], line["unchanged"]) for line in (first, second)] == [(1, 0), (1, 1)]
    assert second["time"] >= first["time"]
    assert (watching.returncode, rest) == (130, "")
    assert said == "alir: interrupted; what was written stays, the next run goes on\n"
