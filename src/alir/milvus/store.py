"""A LlamaIndex vector store over Milvus, async first.

It reads what `MilvusVectorStore` wrote, which reads what it wrote. Every call has a timeout, and
every error is one of `alir.errors`.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)
from llama_index.vector_stores.milvus.base import IndexManagement
from pymilvus import DataType

from alir.concurrency.coalescer import CoalescerStats
from alir.errors import InvalidQuery
from alir.milvus import options
from alir.milvus.blocking import BlockingVectorStore
from alir.milvus.client.connection import MilvusConnection
from alir.milvus.client.raw_client import AsyncStoreClient, StoreClient
from alir.milvus.collection.collection import Collection
from alir.milvus.collection.request_batcher import RequestBatcher
from alir.milvus.collection.schema import CollectionLayout
from alir.milvus.collection.sparse import SparseEncoder
from alir.milvus.filters import among
from alir.milvus.rows import ID_FIELD
from alir.milvus.searches import CollectionSearcher
from alir.milvus.writes import CollectionWriter
from alir.models.fingerprint import Fingerprint
from alir.models.secret_url import SecretUrl

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


def _tracked(method: Method) -> Method:
    """Keep a future of each call in the store's `_calls` until it ends, for `aclose` to wait."""

    @wraps(method)
    async def call(self: "AlirMilvusStore", /, *args: Any, **kwargs: Any) -> Any:
        ended = asyncio.get_running_loop().create_future()
        self._calls.add(ended)
        try:
            return await method(self, *args, **kwargs)
        finally:
            self._calls.discard(ended)
            ended.set_result(None)

    return cast("Method", call)


class AlirMilvusStore(BlockingVectorStore):
    """A collection of nodes in Milvus. The constructor does no I/O; the first call opens it.

    Options and their order are those of `MilvusVectorStore`, then alir's own. Where they mean
    something else here, or more:

    Args:
        collection_name: the first add makes it, if it does not exist.
        overwrite: drop an existing collection before the first call.
        upsert_mode: a node whose id exists replaces it; otherwise ids are not looked at.
        collection_properties: compared at open, and set where they differ. Not of Milvus Lite.
        enable_dense: False keeps no dense vectors; then enable_sparse must be True.
        dim: dimension of the embeddings; None takes the collection's, or the first node's.
        enable_sparse: None means where the server can: Milvus 2.5 for BM25.
        sparse_embedding_function: by default Milvus's BM25 over the text, also where
            MilvusVectorStore takes BGE-M3. A Python one runs on a thread of its own.
        batch_size: rows of one request at most.
        search_config: `{"nprobe": 8}` or `{"params": {"nprobe": 8}}`.
        consistency_level: of a new collection, and of every search of this store; "Session"
            reads what this process wrote.
        output_fields: fields that come back besides the whole node: into its metadata, the
            embedding_field as its embedding. Rows that LlamaIndex did not write get their
            metadata from these fields alone.
        use_async_client: True; there is no other client.
        analyzer_params: how BM25 cuts text into words, in Milvus's terms.
        embedding_model: recorded in a new collection, compared with an existing one.
        fingerprint: returns what else to record and compare; called once, off the event loop.
        is_alias: collection_name is an alias of the live collection version, which `alir rebuild`
            may replace; this store follows it.
        timeout_s: longest wait for one answer.
        outage_s: longest wait of writes, deletes and scans for a Milvus that stopped answering;
            0 is never. Searches never wait.
        connecting: what else pymilvus's client takes: `db_name`, `user`, `server_pem_path`, ...

    Raises:
        InvalidSetting: an option that does not fit, or that would do nothing.
    """

    stores_text: bool = True
    stores_node: bool = True

    collection_name: str
    dim: int | None
    embedding_field: str
    sparse_embedding_field: str
    doc_id_field: str
    text_key: str
    similarity_metric: str
    consistency_level: str
    overwrite: bool
    upsert_mode: bool
    enable_dense: bool
    enable_sparse: bool | None
    output_fields: list[str]
    batch_size: int

    _collection: Collection = PrivateAttr()
    _batches: RequestBatcher = PrivateAttr()

    if TYPE_CHECKING:  # each node's, plain attributes: pydantic takes 2 µs to find a private one
        _calls: set[asyncio.Future[None]]
        _searches: CollectionSearcher
        _writes: CollectionWriter

    def __init__(  # noqa: PLR0917  the order is MilvusVectorStore's
        self,
        uri: str | SecretUrl = "./milvus_llamaindex.db",
        token: str = "",
        collection_name: str = "llamacollection",
        overwrite: bool = False,
        upsert_mode: bool = False,
        collection_properties: dict[str, Any] | None = None,
        doc_id_field: str = "doc_id",
        text_key: str = "text",
        scalar_field_names: list[str] | None = None,
        scalar_field_types: list[DataType] | None = None,
        enable_dense: bool = True,
        dim: int | None = None,
        embedding_field: str = "embedding",
        enable_sparse: bool | None = False,
        sparse_embedding_field: str = "sparse_embedding",
        sparse_embedding_function: options.SparseFunction | None = None,
        index_management: IndexManagement = IndexManagement.CREATE_IF_NOT_EXISTS,
        batch_size: int = 256,
        index_config: dict[str, Any] | None = None,
        sparse_index_config: dict[str, Any] | None = None,
        search_config: dict[str, Any] | None = None,
        similarity_metric: str = "IP",
        consistency_level: str = "Session",
        output_fields: list[str] | None = None,
        hybrid_ranker: str = "RRFRanker",
        hybrid_ranker_params: dict[str, Any] | None = None,
        use_async_client: bool = True,
        *,
        analyzer_params: dict[str, Any] | None = None,
        embedding_model: str | None = None,
        fingerprint: Callable[[], Fingerprint] = dict,
        is_alias: bool = False,
        timeout_s: float = 10.0,
        outage_s: float = 0.0,
        **connecting: Any,
    ) -> None:
        options.refuse_collection_name(collection_name)
        options.refuse_unusable(
            enable_dense=enable_dense,
            enable_sparse=enable_sparse,
            dim=dim,
            batch_size=batch_size,
            consistency_level=consistency_level,
            use_async_client=use_async_client,
        )
        scalars = options.scalar_fields(
            scalar_field_names,
            scalar_field_types,
            taken=[ID_FIELD, text_key, doc_id_field, embedding_field, sparse_embedding_field],
        )
        model = {} if embedding_model is None else {"embedding_model": embedding_model}
        layout = CollectionLayout(
            collection=collection_name,
            dim=dim,
            text_key=text_key,
            doc_id_field=doc_id_field,
            embedding_field=embedding_field,
            sparse_embedding_field=sparse_embedding_field,
            sparse_function=options.sparse_function(
                sparse_embedding_function,
                enabled=enable_sparse,
                analyzer_params=analyzer_params,
                texts=[text_key, *scalars],
                field=sparse_embedding_field,
            ),
            metric=options.metric(similarity_metric),
            dense=enable_dense,
            scalar_fields=scalars,
            index_config=index_config or {},
            sparse_index_config=sparse_index_config or {},
            makes_indexes=options.makes_indexes(index_management),
            properties=collection_properties or {},
            fingerprint=lambda: {**fingerprint(), **model},
            is_alias=is_alias,
        )
        ranker = options.ranker(hybrid_ranker, hybrid_ranker_params)
        connecting = options.connecting(connecting)
        connection = MilvusConnection(
            uri, token, timeout_s=timeout_s, outage_s=outage_s, options=connecting
        )
        if connection.is_lite:
            options.refuse_on_lite(collection_properties=collection_properties, **connecting)
        super().__init__(
            stores_text=True,
            collection_name=collection_name,
            dim=dim,
            overwrite=overwrite,
            upsert_mode=upsert_mode,
            embedding_field=embedding_field,
            sparse_embedding_field=sparse_embedding_field,
            doc_id_field=doc_id_field,
            text_key=text_key,
            similarity_metric=layout.metric,
            consistency_level=consistency_level,
            enable_dense=enable_dense,
            enable_sparse=enable_sparse,
            output_fields=output_fields or [],
            batch_size=batch_size,
        )
        self._collection = Collection(
            connection,
            layout,
            consistency_level=consistency_level,
            sparse=enable_sparse,
            overwrite=overwrite,
        )
        self._batches = RequestBatcher(self._collection, max_rows=batch_size)
        self._calls = set()
        sparse_vectors = None if layout.bm25 else SparseEncoder(layout.sparse_function)
        self._writes = CollectionWriter(
            layout=layout,
            collection=self._collection,
            batches=self._batches,
            sparse_vectors=sparse_vectors,
            operation="upsert" if upsert_mode else "insert",
        )
        self._searches = CollectionSearcher(
            layout=layout,
            collection=self._collection,
            batches=self._batches,
            sparse_vectors=sparse_vectors,
            ranker=ranker,
            consistency_level=consistency_level,
            search_config=search_config or {},
            output_fields=self.output_fields,
        )

    @classmethod
    def class_name(cls) -> str:
        """Return the name LlamaIndex serializes this class under."""
        return "AlirMilvusStore"

    @property
    def connection(self) -> MilvusConnection:
        """Return the connection to Milvus."""
        return self._collection.connection

    @property
    def client(self) -> StoreClient:
        """Return the rest of Milvus, by pymilvus's names, on this store's connection."""
        return StoreClient(self.connection)

    @property
    def aclient(self) -> AsyncStoreClient:
        """Return the same with methods to await, from any event loop."""
        return AsyncStoreClient(self.connection)

    @property
    def coalesced(self) -> dict[str, CoalescerStats]:
        """Return, by kind, how many requests of the running event loop went out together."""
        return self._batches.stats

    @_tracked
    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Store `nodes`, each with an embedding of (dim,) floats; return their ids in order.

        Args:
            kwargs: `milvus_partition_name`, and `force_flush` for rows on disk at the end.

        Raises:
            NodeRefused: a node that Milvus cannot store; nothing of this call was written.
        """
        return await self._writes.add_nodes(nodes, kwargs)

    @_tracked
    async def adelete(self, ref_doc_id: str | list[str], **kwargs: Any) -> None:
        """Delete every node that came from the document, or documents, `ref_doc_id`."""
        documents = ref_doc_id if isinstance(ref_doc_id, list) else [ref_doc_id]
        expression = among(self.doc_id_field, documents)
        await self._collection.delete(expression, partition=self._writes.partition(kwargs))

    @_tracked
    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **kwargs: Any,
    ) -> None:
        """Delete the nodes that have one of `node_ids` and match `filters`; one must be given."""
        if not node_ids and not (filters and filters.filters):
            raise InvalidQuery("node_ids", "and filters are both missing", "Give one of them.")
        if found := await self._collection.open_existing(waits=True):
            expression = found.node_expression(node_ids, filters)
            await self._collection.delete(expression, partition=self._writes.partition(kwargs))

    @_tracked
    async def aclear(self) -> None:
        """Drop the collection; the next add makes it anew."""
        await self._collection.drop()

    @_tracked
    async def aget_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **kwargs: Any,
    ) -> list[BaseNode]:
        """Return the nodes that have one of `node_ids` and match `filters`, by id.

        They come without embeddings, unless `output_fields` names the embedding_field.
        """
        if node_ids is None and filters is None:
            raise InvalidQuery("node_ids", "and filters are both missing", "Give one of them.")
        return await self._searches.get_nodes(node_ids, filters, self.output_fields, kwargs)

    @_tracked
    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Search by embedding (DEFAULT, MMR), words (SPARSE, TEXT_SEARCH) or both (HYBRID).

        Best first. Empty lists of `node_ids` or `doc_ids` restrict nothing: LlamaIndex's
        retrievers send them.

        Args:
            kwargs: `milvus_partition_names`, `milvus_search_config`, `milvus_scalar_filters`,
                `string_expr` (a Milvus expression, beside the filters), `mmr_threshold`,
                `mmr_prefetch_factor` or `mmr_prefetch_k`.

        Raises:
            KeywordSearchUnavailable: the mode needs sparse vectors and this collection has none.
            InvalidFilter, InvalidQuery: a filter or part that this Milvus cannot take.
        """
        return await self._searches.query_nodes(query, kwargs)

    def scan(
        self,
        expression: str,
        fields: Sequence[str],
        *,
        filters: MetadataFilters | None = None,
        page_rows: int = 1000,
    ) -> AsyncGenerator[dict[str, Any]]:
        """Yield the rows that match a Milvus expression and `filters`; see `Collection.scan`."""
        return self._collection.scan(expression, fields, filters=filters, page_rows=page_rows)

    @_tracked
    async def count(
        self, expression: str = "", *, filters: MetadataFilters | None = None, waits: bool = False
    ) -> int:
        """Return how many rows match; see `Collection.count`."""
        return await self._collection.count(expression, filters=filters, waits=waits)

    @_tracked
    async def live(self) -> tuple[str, Fingerprint] | None:
        """Return the collection's name, and what it is made with; None if it does not exist.

        With an alias, this store is from now on the collection that it means at this moment.

        Raises:
            CollectionMismatch: it was made with another model, dimension or metric.
        """
        found = await self._collection.open_live()
        return None if found is None else (self._collection.name, found.made_with)

    @_tracked
    async def keyword_search(self) -> bool:
        """Return whether this collection can be searched by words."""
        found = await self._collection.open_existing()
        return found is not None and found.sparse

    async def aclose(self) -> None:
        """Close the connection when no call is under way; a later call opens it again.

        It waits for the calls of the running event loop, also for what cancelled ones left under
        way; not for calls of other loops, nor for a `scan` that was not read to its end. Calls
        that wait for a Milvus that is gone fail now.
        """
        await self.connection.stop_waiting()
        loop = asyncio.get_running_loop()
        while calls := [one for one in self._calls.copy() if one.get_loop() is loop]:
            await asyncio.wait(calls)
        await self._batches.drain()
        await self._collection.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.connection.run_blocking(work)
