"""The commands with the real model and a Milvus Lite file, two as real processes; their help."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from alir.documents.formats import document_text
from alir.settings import DEFAULT_MODEL

Command = Callable[..., "subprocess.CompletedProcess[str]"]

COMMANDS = (
    *("ingest", "sync", "watch", "ask", "agent", "status", "retry", "verify"),
    *("rebuild", "relearn", "serve", "mcp", "eval", "draw", "keys", "bench"),
)

INDEX = {"ALIR_MILVUS_URI": "./.alir/milvus.db", "ALIR_COLLECTION": "alir"}
"""What a process takes without settings: `invoke` would take a collection of the test's."""


@dataclass(frozen=True)
class Library:
    """A folder with `docs` in it, ingested once by a process of its own."""

    folder: Path
    ingested: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, alir: Command, pdf: Callable[..., bytes]
) -> Library:
    """Three documents that can be read and one that cannot."""
    folder = tmp_path_factory.mktemp("library")
    docs = folder / "docs"
    docs.mkdir()
    (docs / "moon.txt").write_text("The moon is made of green basalt. It goes around the earth.\n")
    (docs / "tea.md").write_text("# Tea\n\nGreen tea is steeped for two minutes, black for four.\n")
    (docs / "port.pdf").write_bytes(pdf("The port of Lund has no water.", "Its mayor is a horse."))
    (docs / "broken.pdf").write_bytes(pdf("Nobody reads this.")[:-150])
    return Library(folder, alir("ingest", "docs", "--json", cwd=folder))


def only_json(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """What a command printed: one line, which is one JSON object."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    printed = json.loads(done.stdout)
    assert isinstance(printed, dict)
    return printed


def test_ingest_prints_one_json_object_and_failed_files_on_stderr(library: Library) -> None:
    report = only_json(library.ingested)
    seconds = report.pop("seconds")
    reason = report["failed"][0].pop("reason")
    assert report == {
        "files": 4,
        "chunks": 4,
        "added": 3,
        "updated": 0,
        "moved": 0,
        "deleted": 0,
        "unchanged": 0,
        "failed": [{"file": str(library.folder / "docs" / "broken.pdf")}],
        "mended": [],
        "embedded": 4,
        "reused": 0,
    }
    assert "damaged" in reason
    assert library.ingested.stderr == f"docs/broken.pdf: {reason}\n"
    assert 0 < seconds["embed"] < seconds["total"]


def test_a_second_run_needs_no_model_and_changes_nothing(
    library: Library, invoke: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library.folder)
    report = only_json(invoke("ingest", "docs", "--json", **INDEX))
    assert (report["added"], report["updated"], report["deleted"]) == (0, 0, 0)
    assert (report["unchanged"], report["chunks"]) == (3, 4)
    assert "embed" not in report["seconds"]


def test_ask_prints_one_json_object_whose_quotes_stand_where_it_says(
    library: Library, alir: Command
) -> None:
    question = "Who is the mayor of the port?"
    done = alir("ask", question, "--json", "--top-k", "3", cwd=library.folder)
    answer = only_json(done)
    assert done.stderr == ""
    kinds = ["text", "mode", "citations", "sources", "sentences", "degraded", "seconds"]
    assert list(answer) == kinds
    assert answer["mode"] == "extractive"
    assert answer["degraded"] == []
    assert "Its mayor is a horse." in answer["text"]

    for citation in answer["citations"]:
        assert list(citation) == ["file", "page", "start", "end", "quote"]
        text = document_text(Path(citation["file"]))
        assert text[citation["start"] : citation["end"]] == citation["quote"]
    assert {"page": 2, "quote": "Its mayor is a horse."}.items() <= answer["citations"][0].items()
    numbers = {int(number) for number in re.findall(r"\[(\d+)\]", answer["text"])}
    assert numbers == set(range(1, len(answer["citations"]) + 1))

    assert [list(source) for source in answer["sources"]] == 3 * [["file", "page", "text", "score"]]
    scores = [source["score"] for source in answer["sources"]]
    assert scores == sorted(scores, reverse=True)
    assert answer["sources"][0]["text"] == "Its mayor is a horse."


def test_status_prints_what_the_index_holds(
    library: Library, invoke: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library.folder)
    status = only_json(invoke("status", "--json", **INDEX))
    expected = {"files": 3, "chunks": 4, "collection": "alir", "model": DEFAULT_MODEL, "llm": None}
    assert expected.items() <= status.items()


def test_without_a_command_the_help_lists_them(alir: Command) -> None:
    shown = alir()
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == alir("--help").stdout
    listed = re.findall(r"^  ([a-z]+)  ", shown.stderr.partition("Commands:")[2], re.MULTILINE)
    assert tuple(listed) == COMMANDS


def test_a_command_of_another_package_that_cannot_be_loaded_is_named_and_left_out(
    alir: Command, desk: Path
) -> None:
    installed = desk / "packages" / "plugin-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(
        "[alir.commands]\ngone = no_such_module:app\nloads = json:loads\n"
    )
    path = os.pathsep.join([str(installed.parent), os.environ.get("PYTHONPATH", "")])

    shown = alir("--help", PYTHONPATH=path)

    assert shown.returncode == 0
    assert sorted(shown.stderr.splitlines()) == [
        "alir: the command gone cannot be loaded. "
        "ModuleNotFoundError: No module named 'no_such_module'",
        "alir: the command loads cannot be loaded. TypeError: json:loads is not a typer.Typer",
    ]
    assert shown.stdout == alir("--help").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example(invoke: Command, command: str) -> None:
    shown = invoke(command, "--help")
    assert shown.returncode == 0
    assert re.search(rf"Example:\s+alir {command}\b", shown.stdout)


def test_the_installed_command_is_the_same(alir: Command) -> None:
    script = Path(sys.executable).with_name("alir")
    if not script.exists():
        pytest.skip("alir's script is not beside this Python")
    shown = subprocess.run([script, "ask", "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout == alir("ask", "--help").stdout.replace("python -m alir", "alir")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["frobnicate"], "frobnicate"),
        (["ingest"], "PATH"),
        (["ask"], "question"),
        (["agent"], "question"),
        (["agent", "why", "--max-calls", "0"], "--max-calls"),
        (["ask", "why", "--top-k", "many"], "--top-k"),
        (["ask", "why", "--top-k", "0"], "--top-k"),
        (["status", "--jason"], "--jason"),
    ],
)
def test_wrong_usage_exits_with_2_and_names_what_is_wrong(
    invoke: Command, arguments: list[str], told: str
) -> None:
    done = invoke(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr.splitlines()[-1]
    assert "--help" in done.stderr
