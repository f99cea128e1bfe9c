"""The two sides of `bench faults`: alir, and LlamaIndex's pipeline as its documentation has it."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from llama_index.core import VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.node_parser.interface import NodeParser
from llama_index.core.schema import Document
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.vector_stores.milvus import MilvusVectorStore
from pydantic import PrivateAttr
from workflows.errors import WorkflowCancelledByUser

from alir.app.application import Alir
from alir.errors import MilvusUnavailable
from alir.events.ask import Sources
from alir.settings import Settings
from alir.testing import HashEmbedding
from benchmarks.store.bed import Bed
from tests.soak.faults import Faults

QUESTION = "basalt"
MOST_PASSAGES = 100
DIM = 64
CHUNK_TOKENS = 64

Seen = Mapping[Path, Sequence[str]]
"""The passages a query finds, by file."""


class Side(Protocol):
    """A way to keep a collection like a folder."""

    folder: Path
    faults: Faults

    node_parser: NodeParser

    async def open(self) -> None:
        """Connect."""

    async def ingest(self) -> None:
        """Bring the folder into the collection, or fail as planned."""

    def end(self) -> None:
        """End the run that is under way; from any thread."""

    async def restart(self) -> None:
        """Forget what a new process would not know."""

    async def seen(self) -> Seen:
        """Ask for everything, through the front door."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""


class _Counted(HashEmbedding):
    """Hashes words, four texts a call, and tells the plan of each call."""

    _faults: Faults = PrivateAttr()

    def __init__(self, faults: Faults) -> None:
        super().__init__(dim=DIM, embed_batch_size=4)
        self._faults = faults

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        self._faults.passes("embedding", "before")
        found = await super()._aget_text_embeddings(texts)
        self._faults.passes("embedding", "after")
        return found


class _CountedStore(MilvusVectorStore):
    """LlamaIndex's store; tells the plan of each add."""

    _faults: Faults = PrivateAttr()

    async def async_add(self, nodes: Any, **kwargs: Any) -> list[str]:
        self._faults.passes("add", "before")
        ids = await super().async_add(nodes, **kwargs)
        self._faults.passes("add", "after")
        return ids


class AlirSide(Side):
    """alir's ingestion and its answers."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        self.folder = folder
        self.faults = Faults()
        self._bed = bed
        self._collection = bed.collection()

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        settings = Settings.load(
            milvus_uri=self._bed.uri,
            collection=self._collection,
            chunk_tokens=CHUNK_TOKENS,
            chunk_overlap_tokens=0,
        )
        self._app = Alir(settings, embedding=_Counted(self.faults))
        self.node_parser = self._app.shard.node_parser
        store = self.faults.watched(self._app.vector_store, "add", only="async_add")
        self._app.shard.vector_store = store

    async def ingest(self) -> None:
        self._ending: list[asyncio.Task[None]] = []
        self._handler = self._app.ingest.run(paths=[self.folder])
        with suppress(MilvusUnavailable, WorkflowCancelledByUser):
            await self._handler
        await asyncio.gather(*self._ending)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(
            lambda: self._ending.append(self._loop.create_task(self._handler.cancel_run()))
        )

    async def restart(self) -> None:
        await self.close()
        await self.open()

    async def seen(self) -> Seen:
        handler = self._app.ask.run(question=QUESTION, top_k=MOST_PASSAGES)
        seen: defaultdict[Path, list[str]] = defaultdict(list)
        async for event in handler.stream_events():
            if isinstance(event, Sources):
                for source in event.sources:
                    seen[Path(source.file)].append(source.text)
        await handler
        return seen

    async def close(self) -> None:
        await self._app.aclose()


class PipelineSide(Side):
    """`IngestionPipeline` with a docstore and UPSERTS, persisted after each run that succeeds."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        self.folder = folder
        self.faults = Faults()
        self._bed = bed
        self._collection = bed.collection()
        self._saved = folder.with_name(f"{folder.name}-storage")

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._embedding = _Counted(self.faults)
        self.node_parser = SentenceSplitter(
            chunk_size=CHUNK_TOKENS, chunk_overlap=0, include_metadata=False
        )
        new: Any = _CountedStore  # the type checker takes its options for required
        self._store = await asyncio.to_thread(
            new, self._bed.uri, collection_name=self._collection, dim=DIM
        )
        self._store._faults = self.faults
        self._pipeline = IngestionPipeline(
            transformations=[self.node_parser, self._embedding],
            docstore=SimpleDocumentStore(),
            vector_store=self._store,
            docstore_strategy=DocstoreStrategy.UPSERTS,
            disable_cache=True,
        )
        if self._saved.exists():
            self._pipeline.load(str(self._saved))

    async def ingest(self) -> None:
        documents = [
            Document(text=path.read_text(), id_=str(path)) for path in sorted(self.folder.iterdir())
        ]
        self._task = asyncio.ensure_future(self._pipeline.arun(documents=documents))
        await asyncio.wait([self._task])
        if not self._task.cancelled() and self._task.exception() is None:
            self._pipeline.persist(str(self._saved))

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)

    async def restart(self) -> None:
        await self.close()
        await self.open()

    async def seen(self) -> Seen:
        index = VectorStoreIndex.from_vector_store(self._store, embed_model=self._embedding)
        found = await index.as_retriever(similarity_top_k=MOST_PASSAGES).aretrieve(QUESTION)
        seen: defaultdict[Path, list[str]] = defaultdict(list)
        for one in found:
            seen[Path(one.node.ref_doc_id or "")].append(one.node.get_content())
        return seen

    async def close(self) -> None:
        await self._store.aclient.close()
        self._store.client.close()
