"""Answer a question: search by meaning and by words at once, fuse, synthesize, cite."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import LLM
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.vector_stores.types import BasePydanticVectorStore
from workflows import Context, step

from alir.errors import LanguageModelFailed, NothingIngested
from alir.events import (
    Answer,
    Ask,
    DenseSearchPlanned,
    KeywordSearchPlanned,
    NothingFound,
    PassagesRead,
    SentenceChecked,
    Sources,
    Token,
)
from alir.models import CheckedSentence
from alir.ports import Catalog
from alir.steps.cite import Citations, source
from alir.steps.synthesize import (
    NOT_ANSWERED,
    synthesize_extractive,
    synthesize_with_llm,
)
from alir.workflows.retrieval import Retrieval


class AskCorpus(Retrieval):
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
        node_postprocessors: Sequence[BaseNodePostprocessor] = (),
    ) -> None:
        super().__init__(
            embedding=embedding,
            vector_store=vector_store,
            catalog=catalog,
            top_k=top_k,
            node_postprocessors=node_postprocessors,
        )
        self.llm = llm

    @step
    async def plan(self, ev: Ask) -> list[DenseSearchPlanned | KeywordSearchPlanned]:
        """Send the question down both branches."""
        return await self._planned(ev.question, ev.top_k)

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


def _removal(count: int) -> list[str]:
    if not count:
        return []
    verb = "citation was" if count == 1 else "citations were"
    return [f"{count} {verb} removed: the sources do not say it."]
