"""What each command prints, and where: real processes, the real model, a Milvus Lite file."""

import json
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
    "agent",
    "ingest",
    "ask",
    "bench",
    "draw",
    "eval",
    "mcp",
    "keys",
    "rebuild",
    "relearn",
    "retry",
    "serve",
    "status",
    "sync",
    "watch",
)


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
        "embedded": 4,
        "reused": 0,
    }
    assert "damaged" in reason
    assert library.ingested.stderr == f"docs/broken.pdf: {reason}\n"
    assert 0 < seconds["embed"] < seconds["total"]


def test_a_second_run_needs_no_model_and_changes_nothing(library: Library, alir: Command) -> None:
    report = only_json(alir("ingest", "docs", "--json", cwd=library.folder))
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


def test_status_prints_what_the_index_holds(library: Library, alir: Command) -> None:
    status = only_json(alir("status", "--json", cwd=library.folder))
    expected = {"files": 3, "chunks": 4, "collection": "alir", "model": DEFAULT_MODEL, "llm": None}
    assert expected.items() <= status.items()


def test_a_dry_run_says_what_sync_would_do_and_does_nothing(invoke: Command, desk: Path) -> None:
    (desk / "docs").mkdir()
    (desk / "docs" / "moon.txt").write_text("The moon is made of green basalt.\n")
    said = invoke("sync", "docs", "--dry-run")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        "add     docs/moon.txt: the index does not hold it; 1 of 1 chunk to embed",
        "1 file: 1 add. A run would embed at most 1 chunk in 1 call. Nothing was written.",
    ]
    plan = only_json(invoke("ingest", "docs", "--dry-run", "--json"))
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
    assert only_json(invoke("status", "--json"))["files"] == 0


def test_status_of_nothing_is_no_error(invoke: Command) -> None:
    shown = invoke("status")
    assert shown.returncode == 0
    lines = dict(re.split(r"\s{2,}", line) for line in shown.stdout.splitlines())
    assert lines["files"] == lines["chunks"] == "0"
    assert lines["model"] == DEFAULT_MODEL
    assert lines["llm"] == "none"


def test_draw_writes_a_page_for_each_workflow(invoke: Command, desk: Path) -> None:
    done = invoke("draw", "--out", "pages")
    assert (done.returncode, done.stderr) == (0, "")
    names = [
        *("IngestCorpus", "IngestShard", "PlanIngest", "RebuildCorpus"),
        *("AskCorpus", "SearchCorpus", "Agent"),
    ]
    assert done.stdout.splitlines() == [f"pages/{name}.html" for name in names]
    for name in names:
        assert f"<title>{name}" in (desk / "pages" / f"{name}.html").read_text()
    assert {path.name for path in desk.iterdir()} == {"pages"}


def test_without_a_command_the_help_lists_them(alir: Command) -> None:
    shown = alir()
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == alir("--help").stdout
    listed = re.findall(r"^  ([a-z]+)  ", shown.stderr.partition("Commands:")[2], re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


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


def test_draw_into_a_place_that_cannot_be_written_is_wrong_usage(
    invoke: Command, desk: Path
) -> None:
    (desk / "file").write_text("not a folder")
    done = invoke("draw", "--out", "file/pages")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--out" in done.stderr
    assert "file/pages" in done.stderr
