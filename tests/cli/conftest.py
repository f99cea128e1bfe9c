"""The command line, in a folder of the test's own: as a process of its own, and in this one."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from alir import AlirMilvusStore
from alir.cli.main import cli

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without the settings of whoever runs the tests."""
    for name in os.environ.keys() - environment().keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def alir() -> Command:
    """Run `alir` as a user does, a process a call: about 2 s, and 8 s if it needs the model."""

    def run(
        *arguments: object, cwd: Path | None = None, timeout_s: float = 60, **settings: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "alir", *map(str, arguments)],
            cwd=cwd,
            env=environment() | settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run


@pytest.fixture
def spawn() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start processes; what still runs after the test is killed."""
    processes: list[subprocess.Popen[str]] = []

    def start(*command: object, **options: Any) -> "subprocess.Popen[str]":
        process = subprocess.Popen([*map(str, command)], text=True, **options)
        processes.append(process)
        return process

    yield start
    for process in processes:
        with process:
            process.kill()


@pytest.fixture(scope="session")
def lite_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One Milvus Lite file for all that runs in this process: each start of one takes a second."""
    path = tmp_path_factory.mktemp("cli") / "milvus.db"
    store = AlirMilvusStore(str(path))
    store.clear()  # opens the file, and keeps it open
    yield path
    store.close()


@pytest.fixture
def invoke(lite_file: Path, model_loaded_once: None) -> Command:
    """Run `alir` in this process, where the libraries are loaded, on a collection of the test's."""
    own = {"ALIR_MILVUS_URI": str(lite_file), "ALIR_COLLECTION": f"test_{uuid4().hex[:12]}"}

    def run(
        *arguments: object, stdin: str = "", **settings: str
    ) -> "subprocess.CompletedProcess[str]":
        words = [*map(str, arguments)]
        result = CliRunner().invoke(cli, words, input=stdin, env=own | settings)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return subprocess.CompletedProcess(words, result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def complaint() -> Callable[["subprocess.CompletedProcess[str]", int], str]:
    """Return what a failed command said, which is one sentence or two on stderr and no more."""

    def checked(done: "subprocess.CompletedProcess[str]", code: int) -> str:
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        [line] = done.stderr.splitlines()
        assert line.startswith("alir: ")
        assert line.endswith((".", "?"))
        return line

    return checked


@pytest.fixture(scope="session")
def pdf() -> Callable[..., bytes]:
    """Write a PDF with a line of text on each page."""

    def written(*pages: str, trailer: bytes = b"") -> bytes:
        font = b"<</Type/Font/Subtype/Type1/BaseFont/Times>>"
        objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", font]
        kids = b""
        for text in pages:
            shown = b"BT /F1 12 Tf 50 700 Td (%s)Tj ET" % text.encode("ascii")
            objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(shown), shown))
            objects.append(
                b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
                b"/Resources<</Font<</F1 3 0 R>>>>>>" % len(objects)
            )
            kids += b"%d 0 R " % len(objects)
        objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(pages), kids)
        body = b"".join(b"%d 0 obj%s endobj\n" % one for one in enumerate(objects, start=1))
        end = b"trailer<</Root 1 0 R/Size %d%s>>\n" % (len(objects) + 1, trailer)
        return b"%PDF-1.4\n" + body + end + b"startxref\n0\n%%EOF\n"

    return written


def environment() -> dict[str, str]:
    """The environment without what alir reads from it."""
    return {name: os.environ[name] for name in os.environ if not _is_read(name)}


def _is_read(name: str) -> bool:
    return name.upper().startswith(("ALIR_", "OPENAI_"))
