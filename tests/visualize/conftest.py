"""Workflows to draw: alir's own, and three toys that have what those lack; and a Chromium."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from workflows import Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

from alir.workflows.agent import Agent
from alir.workflows.ask import AskCorpus
from alir.workflows.ingest import IngestCorpus
from alir.workflows.ingest_shard import IngestShard
from alir.workflows.rebuild import RebuildCorpus
from alir.workflows.verify import VerifyCorpus

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: Playwright's sync API leaves a running event loop in the thread, and an
    # async test of another module could not start its own.
    if CHROMIUM is None:
        pytest.skip("no Chromium here: `make browser` installs one")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class Ingest(StartEvent): ...


class DocumentsLoaded(Event): ...


class ChunksSplit(Event): ...


class ChunksEmbedded(Event): ...


class ChunksAdded(Event): ...


class ShardReport(StopEvent): ...


class ToyShard(Workflow):
    """A chain that fans out over batches and in again."""

    @step
    async def load(self, ev: Ingest) -> DocumentsLoaded:
        """Reads the files of a shard.

        Only the first line is for the page.
        """
        raise NotImplementedError

    @step
    async def split(self, ev: DocumentsLoaded) -> list[ChunksSplit]:
        raise NotImplementedError

    @step
    async def embed(self, ev: ChunksSplit) -> ChunksEmbedded:
        raise NotImplementedError

    @step
    async def add(self, ev: ChunksEmbedded) -> ChunksAdded:
        raise NotImplementedError

    @step
    async def publish(self, evs: list[ChunksAdded]) -> ShardReport:
        raise NotImplementedError


class Ask(StartEvent): ...


class DenseSearchPlanned(Event): ...


class KeywordSearchPlanned(Event): ...


class DenseFound(Event): ...


class KeywordFound(Event): ...


class PassagesFused(Event): ...


class PassagesReranked(Event): ...


class NothingFound(Event): ...


class Answer(StopEvent): ...


class AskOnce(Workflow):
    """Branches that meet, and one that passes two rows by."""

    @step
    async def plan(self, ev: Ask) -> list[DenseSearchPlanned | KeywordSearchPlanned]:
        raise NotImplementedError

    @step
    async def retrieve_dense(self, ev: DenseSearchPlanned) -> DenseFound:
        raise NotImplementedError

    @step
    async def retrieve_keyword(self, ev: KeywordSearchPlanned) -> KeywordFound:
        raise NotImplementedError

    @step
    async def fuse(self, evs: list[DenseFound | KeywordFound]) -> PassagesFused | NothingFound:
        raise NotImplementedError

    @step
    async def rerank(self, ev: PassagesFused) -> PassagesReranked:
        raise NotImplementedError

    @step
    async def synthesize(self, ev: PassagesReranked | NothingFound) -> Answer:
        raise NotImplementedError


class SubQuestionAsked(Event): ...


class QuestionRewritten(Event): ...


class EvidenceFound(Event): ...


class EvidenceGraded(Event): ...


class HelpNeeded(InputRequiredEvent): ...


class HelpGiven(HumanResponseEvent): ...


class ToyAgent(Workflow):
    """Two loops, one of them through a person."""

    @step
    async def decompose(self, ev: Ask) -> list[SubQuestionAsked]:
        raise NotImplementedError

    @step
    async def retrieve(self, ev: SubQuestionAsked | QuestionRewritten) -> EvidenceFound:
        raise NotImplementedError

    @step
    async def grade(self, ev: EvidenceFound) -> EvidenceGraded | QuestionRewritten | HelpNeeded:
        raise NotImplementedError

    @step
    async def listen(self, ev: HelpGiven) -> QuestionRewritten | None:
        raise NotImplementedError

    @step
    async def synthesize(self, evs: list[EvidenceGraded]) -> Answer:
        raise NotImplementedError


@pytest.fixture
def toy_shard() -> type[Workflow]:
    return ToyShard


@pytest.fixture
def ask_once() -> type[Workflow]:
    return AskOnce


@pytest.fixture
def agent() -> type[Workflow]:
    return ToyAgent


@pytest.fixture(
    params=[IngestCorpus, IngestShard, AskCorpus, RebuildCorpus, VerifyCorpus, Agent, ToyAgent]
)
def workflow(request: pytest.FixtureRequest) -> type[Workflow]:
    """Each of alir's, and one with loops."""
    found: type[Workflow] = request.param
    return found
