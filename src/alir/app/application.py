"""The composition root: the one place that puts concrete parts together from settings."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import LLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.tools import BaseTool
from workflows.events import Event

from alir.app.garbage_collection import tune_garbage_collection
from alir.app.index_compatibility import IndexCompatibility
from alir.app.retriever import AlirRetriever
from alir.documents.chunking import CHUNKING, chunk_tokens, node_parser
from alir.documents.sandbox.limits import SandboxLimits
from alir.documents.sandbox.pool import ParserPool
from alir.inference.embeddings import LocalEmbedding, ModelFolder, find_model
from alir.milvus.catalog import MilvusCatalog
from alir.milvus.collection_versions import MilvusCollectionVersions
from alir.milvus.store import AlirMilvusStore
from alir.milvus.store_factory import StoreFactory
from alir.models.files import FileLimits, digest
from alir.models.fingerprint import TENANTS
from alir.settings import Settings
from alir.steps.ingest.journal import relearn
from alir.storage.ledger import SqliteLedger
from alir.storage.sessions import SqliteSessions
from alir.workflows.agent import Agent
from alir.workflows.ask import AskCorpus
from alir.workflows.ingest import IngestCorpus
from alir.workflows.ingest_shard import IngestShard
from alir.workflows.plan import PlanIngest
from alir.workflows.rebuild import RebuildCorpus
from alir.workflows.search import SearchCorpus
from alir.workflows.verify import VerifyCorpus

METRIC = "COSINE"


class Alir:
    """alir, put together: `ingest`, `ask` and `agent` are LlamaIndex workflows, ready to run.

    Args:
        settings: None reads the environment and `.env`.
        embedding: instead of the settings' model; any of LlamaIndex's.
        llm: instead of the settings' model; any of LlamaIndex's.
        tools: what the agent may call beside its searches; any of LlamaIndex's.
        node_postprocessors: what reranks or drops passages before a question is answered from
            them; any of LlamaIndex's, in this order.

    Raises:
        ConfigError: a setting alir cannot use.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        embedding: BaseEmbedding | None = None,
        llm: LLM | None = None,
        tools: Sequence[BaseTool] = (),
        node_postprocessors: Sequence[BaseNodePostprocessor] = (),
    ) -> None:
        tune_garbage_collection()
        self.settings = settings or Settings.load()
        self._given_embedding = embedding
        self._given_llm = llm
        self._tools = tools
        self._node_postprocessors = node_postprocessors
        self._other_stores: list[AlirMilvusStore] = []

    async def __aenter__(self) -> "Alir":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @cached_property
    def ingest(self) -> IngestCorpus:
        """The workflow that makes the index mirror files and folders."""
        return IngestCorpus(
            shard=self.shard,
            catalog=self._catalog_for_ingestion,
            vector_store=self.vector_store,
            ledger=self.ledger,
            outages=self.vector_store.connection.outages,
            before_writing=self._compatibility.enforce,
        )

    @cached_property
    def rebuild(self) -> RebuildCorpus:
        """The workflow that makes the index anew, with the present settings."""
        return RebuildCorpus(
            collection_versions=self.collection_versions,
            corpus_at=self._corpus_at,
            ledger=self.ledger,
        )

    @cached_property
    def verify(self) -> VerifyCorpus:
        """The workflow that compares folder, ledger and index row by row, and mends them."""
        return VerifyCorpus(corpus=self.ingest, ledger=self.ledger, check=self._compatibility.check)

    @cached_property
    def collection_versions(self) -> MilvusCollectionVersions:
        """The collections of the index: the live one, and those kept or begun beside it."""
        return MilvusCollectionVersions(
            self.vector_store, open_reader=self._stores.open_reader, fingerprint=self._fingerprint
        )

    @cached_property
    def shard(self) -> IngestShard:
        """The workflow that ingests one bounded group of files."""
        catalog = self._catalog_for_ingestion
        return self._shard_into(self.vector_store, catalog=catalog, ledger=self.ledger)

    @cached_property
    def plan(self) -> PlanIngest:
        """The workflow that plans an ingestion and changes nothing."""
        return PlanIngest(
            shard=self.shard,
            catalog=self.catalog,
            ledger=self.ledger,
            check=self._compatibility.check,
        )

    @cached_property
    def ask(self) -> AskCorpus:
        """The workflow that answers questions."""
        return AskCorpus(**self._retrieval, llm=self.llm)

    @cached_property
    def search(self) -> SearchCorpus:
        """The workflow that finds the passages a question is answered from."""
        return SearchCorpus(**self._retrieval)

    @cached_property
    def agent(self) -> Agent:
        """The workflow that answers questions of several parts."""
        return Agent(search=self.search, llm=self.llm, sessions=self.sessions, tools=self._tools)

    @cached_property
    def sessions(self) -> SqliteSessions:
        """The conversations with the agent."""
        return SqliteSessions(self.settings.sessions_path, self.settings.collection)

    @cached_property
    def retriever(self) -> AlirRetriever:
        """The same, wherever LlamaIndex takes a retriever."""
        return AlirRetriever(self.search)

    @cached_property
    def vector_store(self) -> AlirMilvusStore:
        """The collection, as a LlamaIndex vector store."""
        return self._stores.open_store(self.settings.collection, is_alias=True)

    @cached_property
    def catalog(self) -> MilvusCatalog:
        """The files and versions in the collection."""
        return MilvusCatalog(self.vector_store)

    @cached_property
    def embedding(self) -> BaseEmbedding:
        """The embedding model; loaded at first use."""
        if self._given_embedding is not None:
            return self._given_embedding
        assert self._model is not None  # noqa: S101  for the type checker
        return LocalEmbedding(
            self._model,
            batch_size=self.settings.embed_batch_size,
            backend=self.settings.embed_backend,
        )

    @cached_property
    def ledger(self) -> SqliteLedger:
        """The state of files between runs."""
        return SqliteLedger(self.settings.ledger_path, self.settings.collection)

    @cached_property
    def readers(self) -> ParserPool:
        """The processes that read documents; started at first use."""
        return ParserPool(
            SandboxLimits(self.settings.parse_timeout_s, self.settings.parse_memory_mib)
        )

    @cached_property
    def llm(self) -> LLM | None:
        """The language model; None without a key or an endpoint."""
        settings = self.settings
        if self._given_llm is not None:
            return self._given_llm
        if settings.llm_api_key is None and settings.llm_base_url is None:
            return None
        from alir.inference.llm import language_model  # noqa: PLC0415  the SDK takes a second

        return language_model(
            settings.llm_model,
            base_url=settings.llm_base_url,
            api_key=settings.llm_api_key.get_secret_value() if settings.llm_api_key else None,
            timeout_s=settings.llm_timeout_s,
            max_reply_chars=settings.llm_max_reply_chars,
        )

    @property
    def model_name(self) -> str:
        """The embedding model's name, as the collection records it."""
        if self._given_embedding is not None:
            return self._given_embedding.model_name
        assert self._model is not None  # noqa: S101  for the type checker
        return self._model.name

    @cached_property
    def chunk_tokens(self) -> int:
        """The most tokens of the embedding model that a chunk has."""
        window = None if self._model is None else self._model.max_tokens
        return chunk_tokens(self.settings.chunk_tokens, model=self.model_name, window=window)

    @property
    def texts_waiting(self) -> dict[str, int]:
        """Texts that wait for the settings' embedding model, by what they are for."""
        embedding = self.embedding
        return embedding.waiting if isinstance(embedding, LocalEmbedding) else {}

    async def status(self) -> dict[str, Any]:
        """Return what the index holds and what it was set up with, as `alir status` prints it.

        `tenants` is the folder of which each folder has a partition of its own, if they have any;
        `unsettled` files were under way when a run was stopped, or are: the next run goes on.
        """
        files, chunks, stages = await asyncio.gather(
            self.catalog.count_files(), self.catalog.count_chunks(), self.ledger.count_by_stage()
        )
        settings = self.settings
        live = await self.collection_versions.live_version()
        return {
            "files": files,
            "chunks": chunks,
            "collection": settings.collection,
            "live": None if live is None else live.collection,
            "kept": [one.collection for one in await self.collection_versions.other_versions()],
            "model": self.model_name,
            "milvus": str(settings.milvus_uri),
            "tenants": None if live is None else live.made_with.get(TENANTS),
            "keyword_search": await self.vector_store.keyword_search(),
            "llm": None if self.llm is None else settings.llm_model,
            "unsettled": sum(n for stage, n in stages.items() if stage != "settled"),
            "failed": [one.to_json() for one in await self.ledger.failed_files()],
        }

    async def watch(
        self, paths: Sequence[str | Path], *, delete_many: bool = False
    ) -> AsyncGenerator[Event, None]:
        """Sync `paths` now and at each change below them; see `alir.app.watch.watch`.

        Between the syncs a Milvus Lite file is closed, so that others can ask it.
        """
        from alir.app.watch import watch  # noqa: PLC0415  only where something is watched

        settings = self.settings
        events = watch(
            paths,
            ingest=self.ingest,
            ledger=self.ledger,
            ignored=[
                settings.ledger_path,
                *([settings.lite_path] if settings.lite_path is not None else []),
            ],
            delete_many=delete_many,
            after_sync=self.vector_store.aclose if settings.is_lite else None,
        )
        async with aclosing(events):
            async for event in events:
                yield event

    async def relearn(self) -> int:
        """Make the ledger again from the collection; return how many files it now knows.

        Raises:
            RunInProgress: a run is on the collection.
        """
        async with self.ledger.lock("making the ledger again"):
            return await relearn(catalog=self._catalog_for_ingestion, ledger=self.ledger)

    async def aclose(self) -> None:
        """Close the connections to Milvus and to the settings' models, and end the parsers."""
        if "collection_versions" in self.__dict__:
            await self.collection_versions.aclose()
        for store in self._other_stores:
            await store.aclose()
        await self.vector_store.aclose()
        if "readers" in self.__dict__:
            await self.readers.aclose()
        if "ledger" in self.__dict__:
            await self.ledger.aclose()
        used = self.__dict__.get("embedding")
        if self._given_embedding is None and isinstance(used, LocalEmbedding):
            await asyncio.to_thread(used.close)
        if self.llm is not None and self._given_llm is None:
            from alir.inference.llm import close  # noqa: PLC0415  loaded already

            await close(self.llm)

    @property
    def _stores(self) -> StoreFactory:
        dim = None if self._model is None else self._model.dim
        return StoreFactory(self.settings, METRIC, dim, self._fingerprint)

    def _corpus_at(self, collection: str) -> IngestCorpus:
        store = self._stores.open_store(collection)
        self._other_stores.append(store)
        catalog = MilvusCatalog(store, waits=True)
        return IngestCorpus(
            shard=self._shard_into(store, catalog=catalog, ledger=None),
            catalog=catalog,
            vector_store=store,
            outages=store.connection.outages,
        )

    def _shard_into(
        self, store: AlirMilvusStore, *, catalog: MilvusCatalog, ledger: SqliteLedger | None
    ) -> IngestShard:
        overlap = self.settings.chunk_overlap_tokens
        return IngestShard(
            catalog=catalog,
            readers=self.readers,
            node_parser=self._node_parser,
            chunking=digest(CHUNKING, str(self.chunk_tokens), str(overlap)),
            embedding=self.embedding,
            vector_store=store,
            ledger=ledger,
            limits=FileLimits(self.settings.max_file_mib, self.settings.max_file_chunks),
        )

    @property
    def _compatibility(self) -> IndexCompatibility:
        return IndexCompatibility(
            self.settings.collection,
            live=self.vector_store.live,
            present=self._fingerprint,
            ledger=self.ledger,
        )

    def _fingerprint(self) -> dict[str, str]:
        """Return the fingerprint of an index made now; it may hash the model's weights."""
        model = self._model
        weights = {} if model is None else {"weights": model.weights, "dim": str(model.dim)}
        return {
            "index": self.settings.collection,
            "embedding_model": self.model_name,
            **{part: value for part, value in weights.items() if value},
            "metric": METRIC,
            "splitter": SentenceSplitter.__name__,
            "chunk_tokens": str(self.chunk_tokens),
            "chunk_overlap_tokens": str(self.settings.chunk_overlap_tokens),
            "analyzer": self.settings.analyzer,
            "schema": CHUNKING,
            # Milvus Lite fails to search by a partition key: there, the path separates tenants.
            **({} if self.settings.is_lite else {TENANTS: str(self.settings.real_root)}),
        }

    @property
    def _embedding_for_questions(self) -> BaseEmbedding:
        embedding = self.embedding
        return embedding.for_questions() if isinstance(embedding, LocalEmbedding) else embedding

    @property
    def _retrieval(self) -> dict[str, Any]:
        return {
            "embedding": self._embedding_for_questions,
            "vector_store": self.vector_store,
            "catalog": self.catalog,
            "top_k": self.settings.top_k,
            "node_postprocessors": self._node_postprocessors,
        }

    @property
    def _catalog_for_ingestion(self) -> MilvusCatalog:
        return MilvusCatalog(self.vector_store, waits=True)

    @cached_property
    def _model(self) -> ModelFolder | None:
        return None if self._given_embedding is not None else find_model(self.settings.embed_model)

    @cached_property
    def _node_parser(self) -> SentenceSplitter:
        return node_parser(
            self.chunk_tokens,
            self.settings.chunk_overlap_tokens,
            tokenizer=None if self._model is None else self._model.count_tokens,
        )
