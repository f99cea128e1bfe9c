"""`alir status` and `alir relearn`: what the index holds, and a ledger that is made again."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from alir.settings import DEFAULT_MODEL
from alir.storage import ingestions
from alir.storage.service_database import open_service_database

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def docs(desk: Path) -> Path:
    """A folder of two documents."""
    docs = desk / "docs"
    docs.mkdir()
    (docs / "moon.txt").write_text("The moon is made of green basalt.")
    (docs / "tea.txt").write_text("Green tea is steeped for two minutes.")
    return docs


def test_status_of_nothing_is_no_error(invoke: Command) -> None:
    shown = invoke("status")
    assert shown.returncode == 0
    lines = dict(re.split(r"\s{2,}", line) for line in shown.stdout.splitlines())
    assert lines["files"] == lines["chunks"] == "0"
    assert lines["model"] == DEFAULT_MODEL
    assert lines["llm"] == "none"


def test_a_lost_ledger_is_made_again(invoke: Command, docs: Path) -> None:
    ledger = docs.parent / "lost.ledger"

    def lose() -> None:
        for lost in docs.parent.glob("lost.ledger*"):
            lost.unlink()

    def alir(*words: str) -> "subprocess.CompletedProcess[str]":
        return invoke(*words, ALIR_LEDGER=str(ledger))

    assert alir("ingest", "docs").stderr == "", "there was none to lose"
    lose()
    told = f"The ledger {ledger} knows the 2 files that the index holds.\n"
    assert alir("relearn").stdout == told
    assert alir("ingest", "docs").stderr == ""
    lose()
    assert "The ledger knew no file of the 2 in the index" in alir("ingest", "docs").stderr
    assert json.loads(alir("relearn", "--json").stdout) == {"ledger": str(ledger), "files": 2}


def test_what_the_service_has_not_done_yet_is_shown_with_its_reason(
    invoke: Command, desk: Path
) -> None:
    ledger, collection = desk / "a.ledger", "told"
    waiting = {"kind": "ingest", "begun": "2026", "delete_many": False}
    told = [
        {"id": "a", "paths": ["a.txt"], "waiting": "The index is open in another program."},
        {"id": "b", "paths": ["b.txt"], "waiting": None},
    ]
    with open_service_database(desk / "a.service") as db:
        for one in told:
            value = json.dumps(waiting | one)
            ingestions.write(db, collection, "acme", str(one["id"]), value, is_ended=False)
    settings = {"ALIR_LEDGER": str(ledger), "ALIR_COLLECTION": collection}
    shown = invoke("status", **settings).stdout.splitlines()
    as_json = json.loads(invoke("status", "--json", **settings).stdout)["ingestions"]

    assert "ingest of the service  a.txt: The index is open in another program." in shown
    assert any(line.startswith("ingest of the service  b.txt: it has its turn") for line in shown)
    assert [(one["tenant"], one["paths"]) for one in as_json] == [
        ("acme", ["a.txt"]),
        ("acme", ["b.txt"]),
    ]
