"""Runs of `alir bench` in this process, in a folder and with settings of its own."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alir.cli.main import cli

Bench = Callable[..., "Run"]

TEXT = (
    "The port of Lund has no water, and no ship has ever been there. Its mayor, elected twice, is "
    "a horse of some renown. Green tea is steeped for two minutes, black tea for four or five. "
)


@dataclass(frozen=True)
class Run:
    """What a command came to."""

    exit_code: int
    stdout: str
    stderr: str
    page: Path

    @property
    def found(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        assert self.exit_code == 0, self.stderr
        assert self.stdout.count("\n") == 1
        found = json.loads(self.stdout)
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Run `alir bench` where `corpus` has three documents; the page is written, if wanted."""
    desk = tmp_path_factory.mktemp("bench")
    corpus = desk / "corpus"
    corpus.mkdir()
    for number in range(3):
        (corpus / f"{number}.txt").write_text(f"Document {number}. " + TEXT * 4)

    def run(*arguments: object) -> Run:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(desk)
            for name in [name for name in os.environ if name.startswith(("ALIR_", "OPENAI_"))]:
                patch.delenv(name)
            done = CliRunner().invoke(cli, ["bench", *map(str, arguments)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Run(done.exit_code, done.stdout, done.stderr, desk / "page.html")

    return run
