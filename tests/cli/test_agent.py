"""`alir agent`: what it decides is told on stderr as it goes, the answer is on stdout."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alir.testing import OpenAIServer, Say

Command = Callable[..., "subprocess.CompletedProcess[str]"]

QUESTION = "What is the moon made of, and how long is green tea steeped?"
PARTS = ["What is the moon made of?", "How long is green tea steeped?"]


@pytest.fixture
def ask(invoke: Command, desk: Path) -> Command:
    """Ask the agent of two documents."""
    docs = desk / "docs"
    docs.mkdir()
    (docs / "moon.txt").write_text("The moon is made of green basalt. It goes around the earth.")
    (docs / "tea.txt").write_text("Green tea is steeped for two minutes.")
    index = {"ALIR_COLLECTION": "agent_command"}
    assert invoke("ingest", "docs", **index).returncode == 0

    def run(*arguments: object, **settings: str) -> "subprocess.CompletedProcess[str]":
        return invoke("agent", *arguments, **index, **settings)

    return run


def test_a_question_of_two_parts_is_answered_as_its_search_is_told(ask: Command) -> None:
    done = ask(QUESTION)
    assert done.returncode == 0
    first, *found = done.stderr.splitlines()
    assert first == f"The question has 2 parts: 1. {PARTS[0]}; 2. {PARTS[1]}"
    assert sorted(line.partition(":")[0] for line in found) == ["Part 1", "Part 2"]
    assert all("docs/moon.txt" in line for line in found)
    assert done.stdout.startswith(f"{PARTS[0]}\nThe moon is made of green basalt. [1]\n\n")
    assert f"\n\n{PARTS[1]}\nGreen tea is steeped for two minutes. [2]\n" in done.stdout
    assert "\n[2] docs/tea.txt, characters 0 to 37\n" in done.stdout


def test_a_question_is_answered_from_the_files_named_alone(ask: Command, invoke: Command) -> None:
    done = ask("How long is green tea steeped?", "--in", "docs/moon.txt", "--json")
    sources = json.loads(done.stdout)["sources"]
    assert [Path(source["file"]).name for source in sources] == ["moon.txt"]

    done = invoke("ask", QUESTION, "--in", "nowhere", ALIR_COLLECTION="agent_command")
    assert done.returncode == 0
    assert "The documents do not answer this." in done.stdout
    assert "Nothing in the index passes the filters." in done.stdout


def test_the_answer_as_json_is_one_object_and_nothing_else(ask: Command) -> None:
    with OpenAIServer([Say("\n".join(PARTS)), Say("Green basalt [1]. Two minutes [2].")]) as server:
        done = ask(QUESTION, "--json", ALIR_LLM_BASE_URL=server.base_url)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert (answer["question"], answer["mode"]) == (QUESTION, "llm")
    assert [part["question"] for part in answer["parts"]] == PARTS
    assert answer["spent"]["calls"] == 4


def test_a_limit_that_is_reached_is_told_beside_the_answer(ask: Command) -> None:
    done = ask(QUESTION, "--max-calls", "1")
    assert done.returncode == 0
    assert "The budget of 1 call is spent." in done.stderr.splitlines()
    assert "The budget of 1 call is spent. The answer rests on" in done.stdout


def test_the_run_is_drawn(ask: Command, desk: Path) -> None:
    done = ask(QUESTION, "--draw", "pages/run.html")
    assert done.returncode == 0
    page = (desk / "pages" / "run.html").read_text("utf-8")
    assert "A run of Agent" in page
    assert QUESTION in page
    assert "The question has 2 parts: 1." in page
    assert '<tr><th scope="row">retrieve</th><td>2</td>' in page


def test_a_picture_that_cannot_be_written_is_refused_before_the_run(ask: Command) -> None:
    done = ask(QUESTION, "--draw", "docs")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        "alir: The picture docs cannot be written: it is a folder. Name another file.\n"
    )


@pytest.mark.parametrize(
    ("typed", "question"),
    [("2\n", PARTS[1]), ("Who drinks tea?\n", "Who drinks tea?"), ("", "Which?")],
    ids=["its number", "something else", "nobody there"],
)
def test_a_person_is_asked_what_a_question_means(ask: Command, typed: str, question: str) -> None:
    def reply(request: dict[str, Any]) -> Say:
        doubts = request["messages"][0]["content"].startswith("Somebody asks a question.")
        return Say("\n".join(PARTS) if doubts else "")

    with OpenAIServer(reply) as server:
        done = ask("Which?", "--ask-back", stdin=typed, ALIR_LLM_BASE_URL=server.base_url)
        asked = [request["messages"][1]["content"] for request in server.requests]
    assert done.returncode == 0
    assert f"1. {PARTS[0]}\n2. {PARTS[1]}\n" in done.stderr
    assert asked[:2] == ["Which?", question]
