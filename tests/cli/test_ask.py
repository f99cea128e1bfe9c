"""`alir ask`: after an ingestion, and with a scripted endpoint that speaks OpenAI's protocol."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alir.documents.formats import document_text
from alir.testing import Cut, Fail, OpenAIServer, Say, Stall

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Complaint = Callable[["subprocess.CompletedProcess[str]", int], str]

KEY = "sk-this-must-never-be-shown"
QUESTION = "What is the moon made of?"
HORSE = "The mayor of Lund is a horse."
MOON = "The moon is made of green basalt. It goes around the earth."


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two documents."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "moon.txt").write_text(MOON)
    (folder / "tea.txt").write_text("Green tea is steeped for two minutes.")
    return folder


@pytest.fixture
def ask(invoke: Command, docs: Path) -> Iterator[Command]:
    """Ask of `docs`, with a language model at `server`; the key is in none of the outputs."""
    # One collection for all tests here: to make one takes a second, to find it unchanged nothing.
    index = {"ALIR_COLLECTION": "language_model"}
    assert invoke("ingest", docs, **index).returncode == 0
    outputs: list[str] = []

    def run(
        server: OpenAIServer, *options: str, **settings: str
    ) -> "subprocess.CompletedProcess[str]":
        model = {"ALIR_LLM_BASE_URL": server.base_url, "ALIR_LLM_API_KEY": KEY}
        done = invoke("ask", QUESTION, *options, **index, **model, **settings)
        outputs.extend((done.stdout, done.stderr))
        return done

    yield run
    assert outputs
    assert KEY not in "".join(outputs)


def answered(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_the_model_gets_the_passages_and_its_numbers_become_citations(ask: Command) -> None:
    reply = Say('It is green: "made of green basalt" [1]. It goes around the earth [1].')
    with OpenAIServer(reply, api_key=KEY) as server:
        answer = answered(ask(server, "--json", ALIR_LLM_MODEL="a-model"))

    assert (answer["mode"], answer["degraded"]) == ("llm", [])
    [request] = server.requests
    said = " ".join(message["content"] for message in request["messages"])
    assert request["model"] == "a-model"
    assert MOON in said
    assert "Green tea is steeped" in said
    assert QUESTION in said

    quotes = [citation["quote"] for citation in answer["citations"]]
    assert quotes == ["made of green basalt", "It goes around the earth."]
    assert 'basalt" [1]. It goes around the earth [2].' in answer["text"]
    for citation in answer["citations"]:
        text = document_text(Path(citation["file"]))
        assert text[citation["start"] : citation["end"]] == citation["quote"]


@pytest.mark.parametrize(
    "claim",
    ["It is made of green basalt [7].", 'It is "made of yellow cheese" [1].'],
    ids=["a source that does not exist", "a quotation that does not stand there"],
)
def test_a_citation_that_does_not_hold_is_removed_and_told(ask: Command, claim: str) -> None:
    with OpenAIServer(Say(f"{claim} It goes around the earth [1].")) as server:
        answer = answered(ask(server, "--json"))
    assert answer["mode"] == "llm"
    assert answer["text"] == f"{claim[:-5]}. [unsupported] It goes around the earth [1]."
    assert [citation["quote"] for citation in answer["citations"]] == ["It goes around the earth."]
    [sentence] = answer["degraded"]
    assert "1 citation was removed" in sentence


def test_an_answer_is_streamed_and_its_references_stand_below(
    spawn: Callable[..., "subprocess.Popen[str]"], docs: Path
) -> None:
    reply = Say("The moon is made of green basalt [1]. It goes around the earth [1].", pause_s=0.1)
    command = [sys.executable, "-m", "alir", "ask", "--source", docs, QUESTION]
    with OpenAIServer(reply) as server:
        settings = {"ALIR_LLM_BASE_URL": server.base_url, "ALIR_MILVUS_URI": "streamed.db"}
        process = spawn(*command, env=os.environ | settings, stdout=subprocess.PIPE)
        assert process.stdout is not None
        beginning = process.stdout.read(len("The moon"))
        began = time.monotonic()
        rest = process.stdout.read()
        ended = time.monotonic()
    assert process.wait(timeout=30) == 0
    assert ended - began > 0.5, "most of the answer came later than its beginning"
    answer, references = (beginning + rest).split("\n\n", 1)
    assert answer == "The moon is made of green basalt [1]. It goes around the earth [2]."
    assert references.splitlines() == [
        f"[1] {docs}/moon.txt, characters 0 to 33: “The moon is made of green basalt.”",
        f"[2] {docs}/moon.txt, characters 34 to 59: “It goes around the earth.”",
    ]


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_a_wrong_setting(
    ask: Command, complaint: Complaint, status: int
) -> None:
    with OpenAIServer(Fail(status, f"Wrong key: {KEY}")) as server:
        told = complaint(ask(server, "--json"), 3)
    assert "ALIR_LLM_API_KEY" in told
    assert server.base_url in told


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Fail(404, "No such model"), "404"),
        (Fail(429, retry_after=0.05), "rate limit"),
        (Fail(500, retry_after=0.05), "500"),
        (Stall(30), "in time"),
    ],
    ids=["404", "429", "500", "stalled"],
)
def test_a_model_that_fails_before_its_first_word_leaves_an_extractive_answer(
    ask: Command, reply: Fail | Stall, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with OpenAIServer(reply) as server:
        answer = answered(ask(server, "--json", ALIR_LLM_TIMEOUT_S="0.5"))
    assert answer["mode"] == "extractive"
    assert answer["text"].startswith("The moon is made of green basalt. [1]")
    [sentence] = answer["degraded"]
    assert why in sentence
    assert f"at {server.base_url} failed" in caplog.text  # a process prints it to stderr
    assert "Check ALIR_LLM_MODEL" in caplog.text
    assert sentence.endswith("This answer is extractive.")


def test_no_model_at_the_address_leaves_an_extractive_answer(
    ask: Command, caplog: pytest.LogCaptureFixture
) -> None:
    with OpenAIServer(Say("never said")) as server:
        pass
    done = ask(server)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The moon is made of green basalt. [1]")
    assert "The language model failed: nothing answers there." in done.stdout
    assert f"at {server.base_url} failed: nothing answers there" in caplog.text


def test_an_answer_that_breaks_off_is_an_error_after_what_came(ask: Command) -> None:
    with OpenAIServer(Cut("The moon is made of ")) as server:
        done = ask(server)
    assert done.returncode == 5
    assert done.stdout.startswith("The moon is made of")
    assert done.stderr.count("\n") == 1
    assert server.base_url in done.stderr


def test_an_answer_that_breaks_off_leaves_no_half_of_a_json_object(
    ask: Command, complaint: Complaint
) -> None:
    with OpenAIServer(Cut("The moon is made of ")) as server:
        told = complaint(ask(server, "--json"), 5)
    assert "broke off" in told


def test_a_model_that_says_nothing_leaves_an_extractive_answer(ask: Command) -> None:
    with OpenAIServer(Say("")) as server:
        answer = answered(ask(server, "--json"))
    assert answer["mode"] == "extractive"
    assert answer["text"].startswith("The moon is made of green basalt. [1]")
    assert len(answer["degraded"]) == 1


def test_ask_with_sources_ingests_them_first(invoke: Command, docs: Path, desk: Path) -> None:
    (desk / "more").mkdir()
    (desk / "more" / "horse.txt").write_text(HORSE)
    shown = invoke("ask", "Who is the mayor of Lund?", "--source", docs, "--source", "more")
    assert (shown.returncode, shown.stderr) == (0, "")
    answer, references = shown.stdout.split("\n\n", 1)
    assert answer == f"{HORSE} [1]"
    assert references.startswith(f"[1] more/horse.txt, characters 0 to {len(HORSE)}\n")
    assert "ALIR_LLM_BASE_URL" in references, "an extractive answer says that it is one"
