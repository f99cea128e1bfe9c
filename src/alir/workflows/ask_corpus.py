"""Answer a question: search by meaning and by words at once, fuse, synthesize, cite."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import LLM
from llama_index.core.schema import NodeWithScore
from llama_index.core.vector_stores.types import BasePydanticVectorStore
from workflows import Context, Workflow, step

from alir.errors import (
    DependencyError,
    EmptyQuestion,
    InvalidTopK,
    KeywordSearchUnavailable,
    LanguageModelFailed,
    NothingIngested,
    RetrievalFailed,
)
from alir.events import (
    Answer,
    Ask,
    DenseSearchPlanned,
    KeywordSearchPlanned,
    NothingFound,
    PassagesFused,
    PassagesRead,
    PassagesRetrieved,
    SearchPlanned,
    SentenceChecked,
    Sources,
    Token,
    VersionsMoved,
)
from alir.models import CheckedSentence
from alir.ports import Catalog
from alir.steps.cite import Citations, source
from alir.steps.embed import embed_question
from alir.steps.fuse import fuse
from alir.steps.read import read, version_of
from alir.steps.retrieve import retrieve_dense, retrieve_keyword
from alir.steps.synthesize import (
    NOT_ANSWERED,
    synthesize_extractive,
    synthesize_with_llm,
)

MAX_TOP_K = 100
CANDIDATES_PER_PASSAGE = 4
"""Passages each branch looks up for one that is kept: what one branch ranks low, the other may
rank high."""

MAX_SEARCHES = 8
"""Of one question: each time, files were brought up to date while it was under way."""


class AskCorpus(Workflow):
    """Answer from the index, every citation checked; streams `Sources`, then `Token`s.

    Without `llm` the answer is extractive: the documents' own sentences.
    """

    def __init__(
        self,
        *,
        embedding: BaseEmbedding,
        vector_store: BasePydanticVectorStore,
        catalog: Catalog,
        llm: LLM | None = None,
        top_k: int = 5,
    ) -> None:
        super().__init__(timeout=None)
        self.embedding = embedding
        self.vector_store = vector_store
        self.catalog = catalog
        self.llm = llm
        self.top_k = top_k
        self._has_content = False

    @step
    async def plan(self, ev: Ask) -> list[DenseSearchPlanned | KeywordSearchPlanned]:
        """Send the question down both branches."""
        started = perf_counter()
        if not ev.question.strip():
            raise EmptyQuestion
        top_k = self.top_k if ev.top_k is None else ev.top_k
        if not 1 <= top_k <= MAX_TOP_K:
            raise InvalidTopK(top_k, MAX_TOP_K)
        # Once: an empty index is to be told before the model is loaded, not at every question.
        self._has_content = self._has_content or await self.catalog.chunks() > 0
        if not self._has_content:
            raise NothingIngested(self.catalog.collection)
        question = ev.question.strip()
        return [
            DenseSearchPlanned(question=question, top_k=top_k, started=started),
            KeywordSearchPlanned(question=question, top_k=top_k, started=started),
        ]

    @step
    async def replan(self, ev: VersionsMoved) -> list[DenseSearchPlanned | KeywordSearchPlanned]:
        """Search again, without the versions that are not live."""
        again: dict[str, Any] = {
            "question": ev.plan.question,
            "top_k": ev.plan.top_k,
            "started": ev.plan.started,
            "excluded": ev.stale,
            "searches": ev.plan.searches + 1,
        }
        return [DenseSearchPlanned(**again), KeywordSearchPlanned(**again)]

    @step
    async def search_dense(self, ev: DenseSearchPlanned) -> PassagesRetrieved:
        """Find the passages nearest in meaning."""
        started = perf_counter()
        vector = await embed_question(ev.question, embedding=self.embedding)
        seconds = {"embed": perf_counter() - started}
        search = retrieve_dense(
            vector,
            top_k=_candidates(ev),
            vector_store=self.vector_store,
            excluded=[one.version for one in ev.excluded],
        )
        return await _searched(ev, "dense", search, seconds)

    @step
    async def search_keyword(self, ev: KeywordSearchPlanned) -> PassagesRetrieved:
        """Find the passages with the question's words."""
        search = retrieve_keyword(
            ev.question,
            top_k=_candidates(ev),
            vector_store=self.vector_store,
            excluded=[one.version for one in ev.excluded],
        )
        return await _searched(ev, "keyword", search, {})

    @step
    async def fuse(self, ev: list[PassagesRetrieved]) -> PassagesFused | NothingFound:
        """Make one list of the branches' passages; a branch that failed is missed, not fatal."""
        started = perf_counter()
        failures = [branch.failure for branch in ev if branch.failure is not None]
        if len(failures) == len(ev):
            raise RetrievalFailed(failures)
        plan = ev[0].plan
        branches = sorted(ev, key=lambda branch: branch.branch)
        passages = fuse([branch.passages for branch in branches], top_k=plan.top_k)
        degraded = [f"No {b.branch} search: {b.failure}" for b in branches if b.failure is not None]
        seconds = {step: s for branch in branches for step, s in branch.seconds.items()}
        # Without what was excluded there may be nothing, and it may be live by now: see `read`.
        if not passages and not plan.excluded:
            return NothingFound(plan=plan, degraded=degraded, seconds=seconds)
        seconds["fuse"] = perf_counter() - started
        return PassagesFused(plan=plan, passages=passages, degraded=degraded, seconds=seconds)

    @step
    async def read(self, ev: PassagesFused) -> PassagesRead | VersionsMoved | NothingFound:
        """Read the passages again; those of a version that is not live cannot stay."""
        started = perf_counter()
        excluded = ev.plan.excluded
        found = await read(ev.passages, vector_store=self.vector_store, excluded=excluded)
        # What was excluded may be live by now, and its file would have no version at all.
        if found.stale != set(excluded) and ev.plan.searches < MAX_SEARCHES:
            return VersionsMoved(plan=ev.plan, stale=[*found.stale])
        live = [p for p in ev.passages if version_of(p.node) not in found.stale]
        seconds = {**ev.seconds, "read": perf_counter() - started}
        if not live:
            return NothingFound(plan=ev.plan, degraded=ev.degraded, seconds=seconds)
        return PassagesRead(
            plan=ev.plan, passages=live, texts=found.texts, degraded=ev.degraded, seconds=seconds
        )

    @step
    async def synthesize(self, ctx: Context, ev: PassagesRead) -> Answer:
        """Write the answer, streaming it, and check what it cites."""
        started = perf_counter()
        sources = [source(passage) for passage in ev.passages]
        ctx.write_event_to_stream(Sources(sources=sources))
        written = await self._write(ctx, ev)
        now = perf_counter()
        return Answer(
            text=written.text,
            mode=written.mode,
            citations=written.citations.made,
            sources=sources,
            degraded=ev.degraded + written.degraded + _removal(written.citations.removed),
            removed_citations=written.citations.removed,
            sentences=written.sentences,
            seconds={**ev.seconds, "synthesize": now - started, "total": now - ev.plan.started},
        )

    @step
    async def report_nothing(self, ctx: Context, ev: NothingFound) -> Answer:
        """Say that no passage was found, or that there is nothing to find one in."""
        if await self.catalog.chunks() == 0:
            raise NothingIngested(self.catalog.collection)
        ctx.write_event_to_stream(Sources(sources=[]))
        ctx.write_event_to_stream(Token(text=NOT_ANSWERED))
        return Answer(
            text=NOT_ANSWERED,
            mode="extractive" if self.llm is None else "llm",
            citations=[],
            sources=[],
            degraded=ev.degraded,
            seconds={**ev.seconds, "total": perf_counter() - ev.plan.started},
        )

    async def _write(self, ctx: Context, ev: PassagesRead) -> "_Written":
        """Write with the language model; extractively without one, or if it fails at once."""
        question, passages = ev.plan.question, ev.passages
        degraded = []
        if self.llm is not None:
            citations = Citations(passages, ev.texts)
            written = synthesize_with_llm(
                question, passages, citations=citations, llm=self.llm, embedding=self.embedding
            )
            shown: list[str] = []
            sentences: list[CheckedSentence] = []
            try:
                await _stream(ctx, written, shown, sentences)
            except LanguageModelFailed as error:
                if shown:
                    raise
                degraded.append(f"{error} This answer is extractive.")
            else:
                if text := "".join(shown).strip():
                    return _Written(text, "llm", citations, degraded, sentences)
                degraded.append("The language model said nothing. This answer is extractive.")
        citations = Citations(passages, ev.texts)
        pieces = synthesize_extractive(
            question, passages, citations=citations, embedding=self.embedding
        )
        shown = []
        await _stream(ctx, pieces, shown, [])
        return _Written("".join(shown), "extractive", citations, degraded, [])


@dataclass(frozen=True, slots=True)
class _Written:
    text: str
    mode: Literal["extractive", "llm"]
    citations: Citations
    degraded: list[str]
    sentences: list[CheckedSentence]


async def _searched(
    plan: SearchPlanned,
    branch: Literal["dense", "keyword"],
    search: Awaitable[list[NodeWithScore]],
    seconds: dict[str, float],
) -> PassagesRetrieved:
    started = perf_counter()
    passages: list[NodeWithScore] = []
    failure = None
    try:
        passages = await search
    except (DependencyError, KeywordSearchUnavailable) as error:
        failure = str(error)
    seconds[branch] = perf_counter() - started
    return PassagesRetrieved(
        plan=plan, branch=branch, passages=passages, failure=failure, seconds=seconds
    )


async def _stream(
    ctx: Context,
    pieces: AsyncIterator[str | CheckedSentence] | AsyncIterator[str],
    shown: list[str],
    sentences: list[CheckedSentence],
) -> None:
    """Stream the pieces, and put them into `shown`, where they stay if a later one fails.

    Text comes before what was found of its sentences. Pieces that come in one turn of the event
    loop are one event: it costs more than a token.
    """
    turn: list[str] = []

    def write() -> None:
        if turn:
            ctx.write_event_to_stream(Token(text="".join(turn)))
            shown.extend(turn)
            turn.clear()

    try:
        async for piece in pieces:
            if isinstance(piece, CheckedSentence):
                write()
                sentences.append(piece)
                ctx.write_event_to_stream(SentenceChecked(sentence=piece))
                continue
            if not turn:
                asyncio.get_running_loop().call_soon(write)
            turn.append(piece)
    finally:
        write()


def _candidates(plan: SearchPlanned) -> int:
    return plan.top_k * CANDIDATES_PER_PASSAGE


def _removal(count: int) -> list[str]:
    if not count:
        return []
    verb = "citation was" if count == 1 else "citations were"
    return [f"{count} {verb} removed: the sources do not say it."]
