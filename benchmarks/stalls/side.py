"""The asking side of `bench stalls`, in a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from alir.app.application import Alir
from alir.app.streaming import events
from alir.events.agent import AskAgent
from alir.events.ask import Answer, Ask
from alir.events.ingest import IngestReport
from alir.settings import Settings
from alir.testing import HashEmbedding
from benchmarks.measure import WrongResult
from benchmarks.process import watched_loop
from benchmarks.stalls.nasty import NASTY, nasty

DIM = 64
DOCUMENT_CHARACTERS = 4_000
WAYS = ("tokens", "whole", "extractive", "agent")


def question(name: str, way: str) -> str:
    """Return the question whose answer is the nasty text of a name."""
    return f"What do the harbour notes on {name} say ({way})?"


async def run(base_url: str, replies: int) -> dict[str, Any]:
    """Ask for the first `replies` nasty texts, in each of the ways, and watch the event loop.

    Reports by name and way `stall_ms`, how late the loop came, at worst, and `busy_ms`, how long
    its own thread had worked then. The documents are as nasty as the replies.

    Raises:
        WrongResult: a document was not ingested, or an answer is none of a language model.
    """
    names = [*NASTY][:replies]
    with TemporaryDirectory() as own:
        folder = Path(own) / "documents"
        folder.mkdir()
        for number, name in enumerate(names):
            text = f"Harbour notes on {name}.\n\n{nasty(name, DOCUMENT_CHARACTERS)}"
            (folder / f"{number}.txt").write_text(text, encoding="utf-8")
        async with _apps(str(Path(own) / "stalls.db"), base_url) as (writing, extracting):
            report = cast("IngestReport", await writing.ingest.run(paths=[folder]))
            if report.added != len(names):
                failed = [names[int(one.path.stem)] for one in report.failed]
                raise WrongResult(f"{report.added} documents were ingested, not {failed}")
            await _measured(writing, extracting, names[0])  # what is loaded first, is not counted
            return {name: await _measured(writing, extracting, name) for name in names}


@asynccontextmanager
async def _apps(milvus_uri: str, base_url: str) -> AsyncIterator[tuple[Alir, Alir]]:
    """Open one with a language model, and one without."""
    settings = Settings.load(milvus_uri=milvus_uri, collection="stalls")
    # No endpoint or key of the environment is used.
    written = settings.model_copy(
        update={"llm_base_url": base_url, "llm_model": "nasty", "llm_api_key": None}
    )
    extracted = settings.model_copy(
        update={"llm_base_url": None, "llm_model": None, "llm_api_key": None}
    )
    embedding = HashEmbedding(dim=DIM)
    async with (
        Alir(written, embedding=embedding) as writing,
        Alir(extracted, embedding=embedding) as extracting,
    ):
        yield writing, extracting


async def _measured(writing: Alir, extracting: Alir, name: str) -> dict[str, dict[str, float]]:
    found = {}
    for way in WAYS:
        asked = question(name, way)
        start: Any = AskAgent(question=asked) if way == "agent" else Ask(question=asked)
        app = extracting if way == "extractive" else writing
        workflow: Any = app.agent if way == "agent" else app.ask
        async with watched_loop() as stall:
            handler = workflow.run(start_event=start)
            async for _ in events(handler):
                pass
            answer: Answer = await handler
        # What is left of numbers that do not hold, and of white space, is no answer.
        is_written = answer.mode == "llm" or "said nothing" in " ".join(answer.degraded)
        if is_written is (way == "extractive"):
            raise WrongResult(f"{asked} was answered in the mode {answer.mode}: {answer.degraded}")
        found[way] = {"stall_ms": stall.longest_s * 1000, "busy_ms": stall.busiest_s * 1000}
    return found
