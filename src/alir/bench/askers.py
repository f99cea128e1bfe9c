"""The ways to ask a question of one and the same collection."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from llama_index.core import VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import (
    CompletionResponse,
    CompletionResponseGen,
    CustomLLM,
    LLMMetadata,
)
from llama_index.core.vector_stores.types import BasePydanticVectorStore
from llama_index.vector_stores.milvus import MilvusVectorStore

from alir.app import Alir
from alir.bench.measure import WrongResult
from alir.embedding import find_model
from alir.events import Answer
from alir.testing import HashEmbedding

Asker = Callable[[str], Awaitable[list[str]]]
"""Answers a question; returns the texts of the passages it found, best first."""

_FIRST_PASSAGE = re.compile(
    r'(?:<passage number="1">|-{20,})\s*(.{1,150}?[.!?]|.{1,150})', re.DOTALL
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
    drop_in: Asker
    alir: Asker
    alir_extractive: Asker


@asynccontextmanager
async def askers(app: Alir) -> AsyncIterator[Askers]:
    """Open all sides on the collection of `app`, whose language model is an `InstantLLM`."""
    settings = app.settings
    store = MilvusVectorStore(
        settings.milvus_uri,
        settings.milvus_token.get_secret_value(),
        settings.collection,
        similarity_metric="COSINE",
        consistency_level=settings.consistency_level,
    )
    extractive = Alir(settings, embedding=app.embedding)
    try:
        yield Askers(
            llama_index=_engine(store, _their_embedding(app), settings.top_k),
            drop_in=_engine(app.vector_store, app.embedding, settings.top_k),
            alir=_workflow(app, "llm"),
            alir_extractive=_workflow(extractive, "extractive"),
        )
    finally:
        await extractive.aclose()
        if store.aclient is not None:
            await store.aclient.close()
        store.client.close()


def _their_embedding(app: Alir) -> BaseEmbedding:
    if isinstance(app.embedding, HashEmbedding):
        return app.embedding
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding  # noqa: PLC0415  slow

    return HuggingFaceEmbedding(str(find_model(app.settings.embed_model).folder))


def _engine(store: BasePydanticVectorStore, embedding: BaseEmbedding, top_k: int) -> Asker:
    """LlamaIndex's query engine, as its documentation makes one."""
    index = VectorStoreIndex.from_vector_store(store, embed_model=embedding)
    engine = index.as_query_engine(use_async=True, llm=InstantLLM(), similarity_top_k=top_k)

    async def ask(question: str) -> list[str]:
        response = await engine.aquery(question)
        return [found.node.get_content() for found in response.source_nodes]

    return ask


def _workflow(app: Alir, mode: str) -> Asker:
    async def ask(question: str) -> list[str]:
        answer = cast("Answer", await app.ask.run(question=question))
        if answer.degraded and not answer.removed_citations:
            raise WrongResult(f"alir's answer was degraded: {answer.degraded[0]}")
        if answer.mode != mode:
            raise WrongResult(f"alir's answer was {answer.mode}, not {mode}")
        return [passage.text for passage in answer.sources]

    return ask
