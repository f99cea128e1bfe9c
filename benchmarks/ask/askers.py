"""The ways to ask a question of one and the same collection."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from llama_index.core import VectorStoreIndex
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import (
    CompletionResponse,
    CompletionResponseGen,
    CustomLLM,
    LLMMetadata,
)
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever, QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.vector_stores.milvus import MilvusVectorStore
from llama_index.vector_stores.milvus.utils import BM25BuiltInFunction

from alir.app.application import Alir
from alir.events.ask import Answer
from alir.inference.embeddings import find_model
from alir.testing import HashEmbedding
from alir.workflows.ask import AskCorpus
from alir.workflows.retrieval import CANDIDATES_PER_PASSAGE
from benchmarks.ask.limits import EmptySteps, KnownPassages
from benchmarks.measure import WrongResult

Asker = Callable[[str], Awaitable[list[str]]]
"""Answers a question; returns the texts of the passages it found, best first."""

_FIRST_PASSAGE = re.compile(
    r'(?:<passage-\w+ number="1">|-{20,})\s*(.{1,150}?[.!?]|.{1,150})', re.DOTALL
)


class InstantLLM(CustomLLM):
    """A language model that takes no time: it says the first passage's first sentence, and cites.

    What is measured is everything around it.
    """

    @property
    def metadata(self) -> LLMMetadata:
        """A context window that holds every passage."""
        return LLMMetadata(context_window=100_000, num_output=256, model_name="instant")

    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        """Return the whole answer."""
        found = _FIRST_PASSAGE.search(prompt)
        said = " ".join(found[1].split()) if found else "Nothing"
        return CompletionResponse(text=f"{said.rstrip('.!?')} [1].")

    def stream_complete(
        self, prompt: str, formatted: bool = False, **_: Any
    ) -> CompletionResponseGen:
        """Yield the answer in one piece."""
        answer = self.complete(prompt).text
        yield CompletionResponse(text=answer, delta=answer)


@dataclass(frozen=True, slots=True)
class Askers:
    """The sides of `bench ask`; see that module for what each is."""

    llama_index: Asker
    llama_index_fused: Asker | None
    """None where Milvus cannot search by words."""
    drop_in: Asker
    query_engine: Asker
    alir: Asker
    workflow_engine: Asker
    alir_extractive: Asker


@asynccontextmanager
async def askers(app: Alir, questions: Sequence[str]) -> AsyncIterator[Askers]:
    """Open all sides on the collection of `app`, which has an `InstantLLM`.

    Args:
        questions: all questions that the side asks.
    """
    settings = app.settings
    by_words = await app.vector_store.keyword_search()
    store = MilvusVectorStore(
        settings.milvus_uri.get_secret_value(),
        settings.milvus_token.get_secret_value(),
        settings.collection,
        similarity_metric="COSINE",
        consistency_level=settings.consistency_level,
        enable_sparse=by_words,
        sparse_embedding_function=BM25BuiltInFunction() if by_words else None,
    )
    theirs = VectorStoreIndex.from_vector_store(store, embed_model=their_embedding(app))
    ours = VectorStoreIndex.from_vector_store(app.vector_store, embed_model=app.embedding)
    extractive = Alir(settings, embedding=app.embedding)
    empty = EmptySteps(embedding=app.embedding, vector_store=app.vector_store, catalog=app.catalog)
    finds = ours.as_retriever(similarity_top_k=settings.top_k)
    try:
        known = await KnownPassages.of(finds, questions)
        yield Askers(
            llama_index=_engine(theirs, settings.top_k),
            llama_index_fused=_fused(theirs, settings.top_k) if by_words else None,
            drop_in=_engine(ours, settings.top_k),
            query_engine=_asker(_query_engine(known)),
            alir=_workflow(app.ask, "llm"),
            workflow_engine=_workflow(empty, "llm"),
            alir_extractive=_workflow(extractive.ask, "extractive"),
        )
    finally:
        await extractive.aclose()
        if store.aclient is not None:
            await store.aclient.close()
        store.client.close()


def their_embedding(app: Alir) -> BaseEmbedding:
    """Return LlamaIndex's own embedding, of the same weights."""
    if isinstance(app.embedding, HashEmbedding):
        return app.embedding
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding  # noqa: PLC0415  slow

    return HuggingFaceEmbedding(str(find_model(app.settings.embed_model).folder))


def _engine(index: VectorStoreIndex, top_k: int) -> Asker:
    """LlamaIndex's query engine, as its documentation makes one."""
    return _asker(index.as_query_engine(use_async=True, llm=InstantLLM(), similarity_top_k=top_k))


def _fused(index: VectorStoreIndex, top_k: int) -> Asker:
    """LlamaIndex's query engine over what alir's workflow searches: by meaning and by words."""
    branches: list[BaseRetriever] = [
        index.as_retriever(
            similarity_top_k=top_k * CANDIDATES_PER_PASSAGE, vector_store_query_mode=mode
        )
        for mode in (VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.TEXT_SEARCH)
    ]
    retriever = QueryFusionRetriever(
        branches,
        llm=InstantLLM(),
        mode=FUSION_MODES.RECIPROCAL_RANK,
        similarity_top_k=top_k,
        num_queries=1,
    )
    return _asker(_query_engine(retriever))


def _query_engine(retriever: BaseRetriever) -> BaseQueryEngine:
    return RetrieverQueryEngine.from_args(retriever, llm=InstantLLM(), use_async=True)


def _asker(engine: BaseQueryEngine) -> Asker:
    async def ask(question: str) -> list[str]:
        response = await engine.aquery(question)
        return [found.node.get_content() for found in response.source_nodes]

    return ask


def _workflow(workflow: AskCorpus, mode: str) -> Asker:
    async def ask(question: str) -> list[str]:
        answer = cast("Answer", await workflow.run(question=question))
        if answer.degraded and not answer.removed_citations:
            raise WrongResult(f"alir's answer was degraded: {answer.degraded[0]}")
        if answer.mode != mode:
            raise WrongResult(f"alir's answer was {answer.mode}, not {mode}")
        return [passage.text for passage in answer.sources]

    return ask
