"""Answer a question: search by meaning and by words at once, fuse, synthesize, cite."""

from collections.abc import Sequence
from functools import partial
from time import perf_counter

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import LLM
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.vector_stores.types import BasePydanticVectorStore
from workflows import Context, step

from alir.errors import NothingIngested
from alir.events.ask import Answer, Ask, Sources, Token, streamed
from alir.events.search import DenseSearchPlanned, KeywordSearchPlanned, NothingFound, PassagesRead
from alir.ports import Catalog
from alir.steps.ask.cite import sources
from alir.steps.ask.synthesize import NOT_ANSWERED, synthesize_extractive
from alir.steps.ask.write import write
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
        """Plan the searches of the question."""
        return await self._planned(ev.question, ev.top_k, filters=ev.filters)

    @step
    async def synthesize(self, ctx: Context, ev: PassagesRead) -> Answer:
        """Write the answer, streaming it, and check what it cites."""
        started = perf_counter()
        shown = sources(ev.passages)
        ctx.write_event_to_stream(Sources(sources=shown))
        question, passages = ev.plan.question, ev.passages
        written = await write(
            question,
            passages,
            ev.texts,
            extract=partial(synthesize_extractive, question, passages, embedding=self.embedding),
            llm=self.llm,
            embedding=self.embedding,
            show=lambda piece: ctx.write_event_to_stream(streamed(piece)),
        )
        now = perf_counter()
        return Answer(
            text=written.text,
            mode=written.mode,
            citations=written.citations.made,
            sources=shown,
            degraded=ev.degraded + written.degraded,
            removed_citations=written.citations.removed,
            sentences=written.sentences,
            is_cut=written.is_cut,
            seconds={**ev.seconds, "synthesize": now - started, "total": now - ev.plan.started},
        )

    @step
    async def report_nothing(self, ctx: Context, ev: NothingFound) -> Answer:
        """Answer that no passage was found; raise if the index is empty."""
        if await self.catalog.count_chunks() == 0:
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
