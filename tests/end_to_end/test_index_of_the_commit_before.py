"""An index made by an older alir opens, answers and syncs without a rebuild.

The older alir is a commit of this repository: it makes the index in a process of its own, with a
conversation and a key; then this alir goes on with its files.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alir import Alir, LedgerRelearned, Settings
from alir.app.streaming import events
from alir.events.plan import FilesPlanned
from alir.storage import keys
from alir.storage.service_database import open_service_database
from alir.testing import HashEmbedding

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "184a4e64cdc10a0246b82f8580555ef97be0f070"
"""The last commit before the source was laid out anew."""
MAKE = """
import asyncio
from alir import Alir
from alir.settings import Settings
from alir.testing import HashEmbedding

async def make():
    async with Alir(Settings.load(), embedding=HashEmbedding(dim=16)) as app:
        await app.ingest.run(paths=["docs"])
        await app.agent.run(question="How long is green tea steeped?", session="tea")

asyncio.run(make())
"""
TEXTS = {
    "moon.txt": "The moon is made of green basalt. It goes around the earth.",
    "tea.md": "# Tea\n\nGreen tea is steeped for two minutes, black for four.",
    "work.html": "<h1>Work</h1><p>The author wrote essays and painted still lives.</p>",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Let the older alir make an index and a key; return their folder, and the key's secret."""
    archive = subprocess.run(
        ["git", "archive", BEFORE, "src"], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode != 0:
        pytest.skip("the older commit is not in this clone")
    before = tmp_path_factory.mktemp("before")
    subprocess.run(["tar", "-x"], cwd=before, input=archive.stdout, check=True)
    folder = tmp_path_factory.mktemp("index")
    (folder / "docs").mkdir()
    for name, text in TEXTS.items():
        (folder / "docs" / name).write_text(text)
    own = {name: os.environ[name] for name in os.environ if not name.startswith("ALIR_")}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=own | {"PYTHONPATH": str(before / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert run("-c", "import alir; print(alir.__file__)").startswith(str(before))
    run("-c", MAKE)
    return folder, run("-m", "alir", "keys", "add", "laptop", "--scope", "write")


@pytest.fixture
async def app(made: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Alir]:
    """This alir over the older one's files."""
    for name in [name for name in os.environ if name.startswith(("ALIR_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(made[0])
    async with Alir(Settings.load(), embedding=HashEmbedding(dim=16)) as app:
        yield app


async def test_it_holds_what_the_older_alir_wrote(app: Alir) -> None:
    status = await app.status()

    assert (status["files"], status["chunks"], status["failed"]) == (3, 3, [])


async def test_it_answers_with_citations(app: Alir) -> None:
    answer = await app.ask.run(question="How long is green tea steeped?")

    assert "Green tea is steeped for two minutes" in answer.text
    assert Path(answer.citations[0].file).name == "tea.md"


async def test_it_knows_the_conversation(app: Alir) -> None:
    assert await app.sessions.asked_questions("tea") == ["How long is green tea steeped?"]


def test_it_knows_the_key(made: tuple[Path, str]) -> None:
    folder, secret = made
    with open_service_database(folder / ".alir" / ".milvus.service") as db:
        key = keys.check_secret(db, secret).key

    assert key is not None
    assert (key.name, key.scope) == ("laptop", "write")


async def test_a_sync_finds_nothing_to_do_and_then_replaces_what_changed(
    app: Alir, made: tuple[Path, str]
) -> None:
    planned: list[str] = []
    async for event in events(app.plan.run(paths=["docs"])):
        if isinstance(event, FilesPlanned):
            planned += [one.action for one in event.planned]
    handler = app.ingest.run(paths=["docs"])
    streamed = [type(event) async for event in events(handler)]
    report = await handler

    assert planned == ["unchanged"] * 3
    assert (report.unchanged, report.embedded) == (3, 0)
    assert LedgerRelearned not in streamed

    (made[0] / "docs" / "moon.txt").write_text("The moon is made of rice.")
    report = await app.ingest.run(paths=["docs"])
    answer = await app.ask.run(question="What is the moon made of?")

    assert (report.updated, report.unchanged, report.chunks) == (1, 2, 3)
    assert "The moon is made of rice." in answer.text
