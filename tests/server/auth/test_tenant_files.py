"""The names of files on the disk: safe, and below the tenant's folder."""

import os
from pathlib import Path

import pytest

from alir.server.auth.tenant_files import MAX_NAME_BYTES, safe_name
from alir.server.problems import ProblemException


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("/etc/cron.d/job.txt", "job.txt"),
        ("C:\\Users\\me\\notes.md", "notes.md"),
        ("..\\..\\notes.md", "notes.md"),
        (".env.txt", "env.txt"),
        ("...hidden.txt", "hidden.txt"),
        ("a\nb\r\t\0.txt", "a_b___.txt"),
        ("\x1b[2J.txt", "_[2J.txt"),
        ("invoice\u202efdp.txt", "invoice_fdp.txt"),
        ('<img src="x">.html', "_img src=_x__.html"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
        ("  spaced .txt ", "spaced.txt"),
        ("日本語.txt", "日本語.txt"),
        ("x" * 500 + ".txt", "x" * (MAX_NAME_BYTES - 7) + ".txt"),
        ("日" * 500 + ".txt", "日" * 64 + ".txt"),
        ("a.tar.txt", "a.tar.txt"),
    ],
)
def test_a_name_is_made_safe(given: str, kept: str) -> None:
    assert safe_name(given) == kept
    assert len(os.fsencode(safe_name(given))) <= MAX_NAME_BYTES
    assert Path("/root", safe_name(given)).resolve().parent == Path("/root")


@pytest.mark.parametrize(
    "given", ["", ".", "..", "/", "a/", ".txt", "name", "...", "a." + "x" * 99, "x.exe", "x.png"]
)
def test_a_name_of_which_nothing_useful_is_left_is_refused(given: str) -> None:
    with pytest.raises(ProblemException) as refused:
        safe_name(given)

    assert refused.value.problem.status in {415, 422}
