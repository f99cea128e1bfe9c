"""The tutorial's own files, with the real model: the right passage, on the right page."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from alir import Alir, Answer, Settings
from alir.cli.console import decision
from alir.documents import formats
from alir.events.agent import AgentAnswer
from alir.inference.llm import close, language_model
from alir.testing import OpenAIServer, Say
from alir.visualize.recording import record
from alir.visualize.run_page import draw_run
from alir.workflows.agent import Agent
from tests.shared_data import SEED, needs_seed

ESSAY = SEED / "paul_graham_essay.txt"
REPORT = SEED / "uber_2021.pdf"
PAGES = range(44, 84)
"""Of the annual report's 307 pages; all of them would take a minute."""

pytestmark = needs_seed


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annual report's middle, as a PDF of its own."""
    path = tmp_path_factory.mktemp("seed") / "uber_2021_middle.pdf"
    with pypdfium2.PdfDocument(REPORT) as whole, pypdfium2.PdfDocument.new() as part:
        part.import_pages(whole, pages=list(PAGES))
        part.save(path)
    return path


@pytest.fixture(scope="module")
def app(report: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alir]:
    """alir as it comes, with both files ingested; every test has an event loop of its own."""
    uri = tmp_path_factory.mktemp("milvus") / "seed.db"
    app = Alir(Settings.load(milvus_uri=str(uri)))

    async def ingest() -> None:
        done = await app.ingest.run(paths=[ESSAY, report])
        assert done.added == 2
        assert done.failed == []

    asyncio.run(ingest())
    yield app
    asyncio.run(app.aclose())


async def ask(app: Alir, question: str) -> Answer:
    answer = await app.ask.run(question=question)
    assert isinstance(answer, Answer)
    for citation in answer.citations:
        text = formats.document_text(Path(citation.file))
        assert text[citation.start : citation.end] == citation.quote
    return answer


async def test_the_essay_says_what_the_author_worked_on_before_college(app: Alir) -> None:
    answer = await ask(app, "What did the author work on before college?")
    assert answer.sources[0].file == str(ESSAY)
    assert "writing and programming" in answer.sources[0].text
    assert "IBM 1401" in answer.sources[0].text
    assert answer.citations[0].quote == (
        "Before college the two main things I worked on, outside of school, were writing and "
        "programming."
    )


async def test_the_report_has_the_revenue_and_the_page_it_stands_on(
    app: Alir, report: Path
) -> None:
    answer = await ask(app, "What was Uber's revenue in 2021?")
    figures = ("17.5 billion", "17,455")
    assert any(figure in answer.text for figure in figures)
    with pypdfium2.PdfDocument(report) as pdf:
        for citation in answer.citations:
            assert citation.page is not None
            page = pdf[citation.page - 1].get_textpage().get_text_range()
            assert " ".join(citation.quote.split())[:60] in " ".join(page.split())
    assert any(figure in source.text for source in answer.sources for figure in figures)


async def test_what_neither_file_says_is_not_answered(app: Alir) -> None:
    answer = await ask(app, "What is the recipe for pancakes?")
    assert answer.text == "The documents do not answer this."


COMPARISON = "Compare what the essay says about programming and what the 10-K says about revenue"
PARTS = ["What does the essay say about programming?", "What does the 10-K say about revenue?"]


async def test_the_picture_of_a_comparison_says_what_the_agent_did(
    app: Alir, tmp_path: Path
) -> None:
    run = await record(app.agent.run(question=COMPARISON), decision)
    tallies = run.tallies()

    assert run.ending == "done"
    assert (tallies["retrieve"].runs, tallies["retrieve"].at_once) == (2, 2)
    assert tallies["grade"].runs == 2
    assert tallies["synthesize"].runs == 1
    assert sum(one.errors + one.retries for one in tallies.values()) == 0
    page = draw_run(app.agent, run, tmp_path / "run.html", about=COMPARISON).read_text("utf-8")
    assert COMPARISON in page
    assert "Part 1: 5 passages in " in page
    assert "uber_2021_middle.pdf" in page


async def compared(agent: Agent) -> AgentAnswer:
    answer = await agent.run(question=COMPARISON)
    assert isinstance(answer, AgentAnswer)
    assert [part.question for part in answer.parts] == PARTS
    assert all(part.is_found for part in answer.parts)
    for citation in answer.citations:
        text = formats.document_text(Path(citation.file))
        assert text[citation.start : citation.end] == citation.quote
    return answer


async def test_the_agent_compares_both_files_in_their_own_words(app: Alir, report: Path) -> None:
    answer = await compared(app.agent)
    about_essay, about_report = answer.text.split(f"\n\n{PARTS[1]}\n")
    assert about_essay.startswith(f"{PARTS[0]}\n")
    files = [citation.file for citation in answer.citations]
    essays = [f"[{n}]" in about_essay for n, file in enumerate(files, 1) if file == str(ESSAY)]
    reports = [f"[{n}]" in about_report for n, file in enumerate(files, 1) if file == str(report)]
    assert essays
    assert reports
    assert all(essays + reports)


async def test_the_agent_compares_both_files_with_a_language_model(app: Alir, report: Path) -> None:
    def reply(request: dict[str, Any]) -> Say:
        """Split as it should be, and quote the first words of the best passage of each file."""
        instructions, said = (message["content"] for message in request["messages"])
        if instructions.startswith("Split a question"):
            return Say("\n".join(PARTS))
        passages = re.findall(r'<passage-\w+ number="[12]">\n(.*?)\n</passage', said, re.DOTALL)
        quotes = [" ".join(text.split()[:8]) for text in passages]
        return Say(f'One says: "{quotes[0]}" [1]. The other says: "{quotes[1]}" [2].')

    with OpenAIServer(reply) as server:
        llm = language_model(
            "any", base_url=server.base_url, api_key=None, timeout_s=10, max_reply_chars=9_999
        )
        answer = await compared(Agent(search=app.search, llm=llm))
        await close(llm)
    assert answer.mode == "llm"
    assert [citation.file for citation in answer.citations] == [str(ESSAY), str(report)]


async def test_chunks_fill_the_model_s_window_and_never_exceed_it(app: Alir) -> None:
    counts = [
        len(app._model.count_tokens(row["text"]))  # type: ignore[union-attr]
        async for row in app.vector_store.scan("", ["text"])
    ]
    assert max(counts) <= 254  # 256, less the two special tokens
    assert sum(counts) / len(counts) > 180
