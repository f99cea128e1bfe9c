"""A LlamaIndex vector store over Milvus, async first.

It reads what `MilvusVectorStore` wrote and the other way round, with the same constructor
options; every call has a timeout, only the needed fields travel, and every error is one of
`alir.errors`.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from pymilvus import AnnSearchRequest, RRFRanker
from pymilvus.client.types import LoadState

from alir.errors import InvalidSetting, KeywordSearchUnavailable, MilvusFailed
from alir.milvus.connection import MilvusConnection
from alir.milvus.filters import after, among, both, to_expression
from alir.milvus.rows import ID_FIELD, NODE_FIELDS, requests, to_node, to_row
from alir.milvus.schema import BM25_SINCE, Found, Layout, check, index_params, new_schema

T = TypeVar("T")

METRICS = {"ip": "IP", "l2": "L2", "euclidean": "L2", "cosine": "COSINE"}
MAX_ROWS = 16_384
"""Milvus's limit for one query's or search's answer."""


class AlirMilvusStore(BasePydanticVectorStore):
    """A collection of nodes in Milvus. The constructor does no I/O; the first call opens it.

    Args:
        uri: a Milvus Lite file (ends in .db) or a server's address.
        token: `user:password` or an API key; empty for none.
        collection_name: made by the first add, if it does not exist.
        dim: dimension of the embeddings; None takes the collection's, or the first node's.
        overwrite: drop an existing collection before the first call.
        upsert_mode: a node whose id exists replaces it; otherwise ids are not looked at.
        similarity_metric: "IP", "COSINE" or "L2".
        consistency_level: of searches; "Session" reads what this process wrote.
        enable_sparse: whether a new collection gets Milvus's BM25; None means where the server
            can (2.5 or newer).
        analyzer_params: how BM25 cuts text into words, in Milvus's terms.
        embedding_model: recorded in a new collection, compared with an existing one.
        timeout_s: longest wait for one answer.
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
    enable_sparse: bool | None
    batch_size: int

    _connection: MilvusConnection = PrivateAttr()
    _layout: Layout = PrivateAttr()
    _search_config: dict[str, Any] = PrivateAttr()
    _found: Found | None = PrivateAttr(default=None)
    _opening: asyncio.Lock | None = PrivateAttr(default=None)

    def __init__(
        self,
        uri: str = "./milvus_llamaindex.db",
        token: str = "",
        collection_name: str = "llamacollection",
        *,
        dim: int | None = None,
        overwrite: bool = False,
        upsert_mode: bool = False,
        embedding_field: str = "embedding",
        sparse_embedding_field: str = "sparse_embedding",
        doc_id_field: str = "doc_id",
        text_key: str = "text",
        similarity_metric: str = "IP",
        consistency_level: str = "Session",
        enable_sparse: bool | None = False,
        analyzer_params: dict[str, Any] | None = None,
        index_config: dict[str, Any] | None = None,
        sparse_index_config: dict[str, Any] | None = None,
        search_config: dict[str, Any] | None = None,
        batch_size: int = 256,
        embedding_model: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        metric = METRICS.get(similarity_metric.lower())
        if metric is None:
            raise InvalidSetting(
                "similarity_metric", f"{similarity_metric!r} is not one", "Use IP, COSINE or L2."
            )
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
            similarity_metric=metric,
            consistency_level=consistency_level,
            enable_sparse=enable_sparse,
            batch_size=batch_size,
        )
        self._connection = MilvusConnection(uri, token, timeout_s=timeout_s)
        self._search_config = search_config or {}
        self._layout = Layout(
            collection=collection_name,
            dim=dim,
            text_key=text_key,
            doc_id_field=doc_id_field,
            embedding_field=embedding_field,
            sparse_embedding_field=sparse_embedding_field,
            metric=metric,
            index_config=index_config or {},
            sparse_index_config=sparse_index_config or {},
            analyzer_params=analyzer_params or {},
            embedding_model=embedding_model,
        )

    @classmethod
    def class_name(cls) -> str:
        """Return the name LlamaIndex serializes this class under."""
        return "AlirMilvusStore"

    @property
    def client(self) -> MilvusConnection:
        """Return the connection; `client.call(operation, ...)` reaches the rest of Milvus."""
        return self._connection

    # Writing

    async def async_add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:
        """Store `nodes`, each with an embedding of (dim,) floats; return their ids in order.

        Raises:
            NodeRefused: a node that Milvus cannot store; nothing of this call was written.
        """
        if not nodes:
            return []
        if self.dim is None and nodes[0].embedding is not None:
            self.dim = len(nodes[0].embedding)
        found = await self._opened(create=True)
        rows = [
            to_row(
                node,
                text_key=self.text_key,
                doc_id_field=self.doc_id_field,
                embedding_field=self.embedding_field,
                dim=found.dim,
            )
            for node in nodes
        ]
        operation = "upsert" if self.upsert_mode else "insert"
        for batch in requests(rows, self.batch_size, self.text_key, found.dim):
            await self._connection.call(operation, self.collection_name, batch)
        return [node.node_id for node in nodes]

    async def adelete(self, ref_doc_id: str, **_: Any) -> None:
        """Delete every node that came from the document `ref_doc_id`."""
        await self._delete(among(self.doc_id_field, [ref_doc_id]))

    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **_: Any,
    ) -> None:
        """Delete the nodes that have one of `node_ids` and match `filters`; one must be given."""
        if not node_ids and not (filters and filters.filters):
            raise ValueError("Either node_ids or filters must be given.")
        await self._delete(self._selection(node_ids, filters))

    async def aclear(self) -> None:
        """Drop the collection; the next add makes it anew."""
        if await self._connection.call("has_collection", self.collection_name):
            await self._connection.call("drop_collection", self.collection_name)
        self._found = None

    # Reading

    async def aget_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **kwargs: Any,
    ) -> list[BaseNode]:
        """Return the nodes that have one of `node_ids` and match `filters`, without embeddings."""
        if node_ids is None and filters is None:
            raise ValueError("Either node_ids or filters must be given.")
        if node_ids == []:
            return []
        rows = self.scan(self._selection(node_ids, filters), self._node_fields, **kwargs)
        return [to_node(row, text_key=self.text_key) async for row in rows]

    async def aquery(self, query: VectorStoreQuery, **_: Any) -> VectorStoreQueryResult:
        """Search by embedding (DEFAULT), words (SPARSE, TEXT_SEARCH) or both (HYBRID), best first.

        Empty lists of `node_ids` or `doc_ids` restrict nothing: LlamaIndex's retrievers send them.

        Raises:
            KeywordSearchUnavailable: the mode needs BM25 and this collection has none.
        """
        if not await self._opened_or_none():
            return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
        if query.mode == VectorStoreQueryMode.DEFAULT:
            hits = await self._dense(query)
        elif query.mode in {VectorStoreQueryMode.SPARSE, VectorStoreQueryMode.TEXT_SEARCH}:
            hits = await self._keyword(query)
        elif query.mode == VectorStoreQueryMode.HYBRID:
            hits = await self._hybrid(query)
        else:
            raise ValueError(f"AlirMilvusStore has no query mode {query.mode.value!r}.")
        nodes = [
            to_node({ID_FIELD: hit["id"], **hit["entity"]}, text_key=self.text_key) for hit in hits
        ]
        return VectorStoreQueryResult(
            nodes=nodes,
            similarities=[hit["distance"] for hit in hits],
            ids=[str(hit["id"]) for hit in hits],
        )

    async def scan(
        self, expression: str, fields: Sequence[str], *, page_rows: int = 1000
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the rows that match `expression`, by id, reading `page_rows` at a time.

        Reads are strongly consistent: what any process wrote before is seen.
        """
        if not await self._opened_or_none():
            return
        last = ""
        while True:
            page = await self._connection.call(
                "query",
                self.collection_name,
                filter=both(after(ID_FIELD, last), expression),
                output_fields=[ID_FIELD, *fields],
                limit=page_rows,
                consistency_level="Strong",
            )
            if not page:  # a short page may still be followed by another
                return
            for row in page:
                yield row
            last = max(row[ID_FIELD] for row in page)

    async def count(self, expression: str = "") -> int:
        """Return how many rows match `expression`; 0 for a collection that does not exist."""
        if not await self._opened_or_none():
            return 0
        rows = await self._connection.call(
            "query",
            self.collection_name,
            filter=expression,
            output_fields=["count(*)"],
            consistency_level="Strong",
        )
        return int(rows[0]["count(*)"])

    async def keyword_search(self) -> bool:
        """Return whether this collection can be searched by words (BM25)."""
        found = await self._opened_or_none()
        return found is not None and found.sparse

    async def open(self) -> None:
        """Connect, and make the collection if it does not exist.

        Raises:
            CollectionMismatch: the collection was made with another model, dimension or metric.
        """
        await self._opened(create=True)

    async def aclose(self) -> None:
        """Close the connection; a later call opens it again."""
        self._found = None
        await self._connection.close()

    # The same from code without an event loop

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Store `nodes`; see `async_add`."""
        return self._run(self.async_add(nodes, **kwargs))

    def delete(self, ref_doc_id: str, **kwargs: Any) -> None:
        """Delete a document's nodes; see `adelete`."""
        self._run(self.adelete(ref_doc_id, **kwargs))

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **kwargs: Any,
    ) -> None:
        """Delete nodes; see `adelete_nodes`."""
        self._run(self.adelete_nodes(node_ids, filters, **kwargs))

    def clear(self) -> None:
        """Drop the collection; see `aclear`."""
        self._run(self.aclear())

    def get_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **kwargs: Any,
    ) -> list[BaseNode]:
        """Return nodes; see `aget_nodes`."""
        return self._run(self.aget_nodes(node_ids, filters, **kwargs))

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Search; see `aquery`."""
        return self._run(self.aquery(query, **kwargs))

    def close(self) -> None:
        """Close the connection; see `aclose`."""
        self._run(self.aclose())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._connection.run(work)

    # Searches

    @property
    def _node_fields(self) -> list[str]:
        return [self.text_key, *NODE_FIELDS]

    async def _dense(self, query: VectorStoreQuery) -> list[dict[str, Any]]:
        return await self._search(
            query,
            data=[query.query_embedding],
            anns_field=self.embedding_field,
            search_params={"metric_type": self.similarity_metric, "params": self._search_config},
        )

    async def _keyword(self, query: VectorStoreQuery) -> list[dict[str, Any]]:
        await self._need_bm25()
        return await self._search(
            query,
            data=[query.query_str],
            anns_field=self.sparse_embedding_field,
            search_params={"metric_type": "BM25"},
        )

    async def _search(self, query: VectorStoreQuery, **search: Any) -> list[dict[str, Any]]:
        results = await self._connection.call(
            "search",
            self.collection_name,
            filter=self._condition(query),
            limit=query.similarity_top_k,
            output_fields=self._node_fields,
            consistency_level=self.consistency_level,
            **search,
        )
        return list(results[0])

    async def _hybrid(self, query: VectorStoreQuery) -> list[dict[str, Any]]:
        await self._need_bm25()
        shared = {"limit": query.similarity_top_k, "expr": self._condition(query)}
        dense = {"metric_type": self.similarity_metric, "params": self._search_config}
        results = await self._connection.call(
            "hybrid_search",
            self.collection_name,
            [
                AnnSearchRequest([query.query_embedding], self.embedding_field, dense, **shared),
                AnnSearchRequest(
                    [query.query_str],
                    self.sparse_embedding_field,
                    {"metric_type": "BM25"},
                    **shared,
                ),
            ],
            RRFRanker(60),
            limit=query.hybrid_top_k or query.similarity_top_k,
            output_fields=self._node_fields,
            consistency_level=self.consistency_level,
        )
        return list(results[0])

    def _condition(self, query: VectorStoreQuery) -> str:
        documents = among(self.doc_id_field, query.doc_ids) if query.doc_ids else ""
        return both(documents, self._selection(query.node_ids or None, query.filters))

    def _selection(self, node_ids: list[str] | None, filters: MetadataFilters | None) -> str:
        ids = among(ID_FIELD, node_ids) if node_ids is not None else ""
        return both(ids, to_expression(filters))

    async def _delete(self, expression: str) -> None:
        if not await self._opened_or_none():
            return
        await self._connection.call("delete", self.collection_name, filter=expression)
        # pymilvus's async client does not look at what a server answers to a delete.
        if left := await self.count(expression):
            problem = f"{left} rows that were to go are still there"
            raise MilvusFailed(self._connection.uri, "delete", problem, retryable=True)

    async def _need_bm25(self) -> None:
        if not await self.keyword_search():
            raise KeywordSearchUnavailable(self.collection_name)

    # Opening

    async def _opened(self, *, create: bool) -> Found:
        found = await self._opened_or_none(create=create)
        if found is None:
            raise MilvusFailed(
                self._connection.uri, "open", "the collection vanished", retryable=True
            )
        return found

    async def _opened_or_none(self, *, create: bool = False) -> Found | None:
        """Open the collection once; None while it does not exist and is not to be made."""
        if self._found is None:
            await self._connection.on_client_loop(self._open(create))
        return self._found

    async def _open(self, create: bool) -> None:
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._found is not None:
                return
            call, name = self._connection.call, self.collection_name
            exists = await call("has_collection", name)
            if exists and self.overwrite:
                await call("drop_collection", name)
                exists = False
            if not exists and not create:
                return
            if not exists:
                await self._create()
            # Only now: a failed creation must not leave a later call to drop what exists.
            self.overwrite = False
            description = await call("describe_collection", name)
            index = await self._dense_index()
            found = check(description, index, self._layout)
            if (await call("get_load_state", name))["state"] != LoadState.Loaded:
                await call("load_collection", name)
            self._found = found

    async def _create(self) -> None:
        if self.dim is None:
            raise InvalidSetting(
                "dim",
                f"the collection {self.collection_name!r} does not exist and needs a dimension",
                "Give the dimension of the embeddings.",
            )
        sparse = self.enable_sparse is not False and await self._can_bm25()
        if self.enable_sparse and not sparse:
            # The server would make the collection, without its words, and then report an error.
            raise KeywordSearchUnavailable(self.collection_name)
        await self._connection.call(
            "create_collection",
            self.collection_name,
            schema=new_schema(self._layout, self.dim, sparse=sparse),
            index_params=index_params(self._layout, sparse=sparse),
            consistency_level=self.consistency_level,
        )

    async def _dense_index(self) -> dict[str, Any]:
        name = self.collection_name
        indexes = await self._connection.call("list_indexes", name)
        if self.embedding_field not in indexes:
            return {}
        index = await self._connection.call("describe_index", name, self.embedding_field)
        return dict(index or {})

    async def _can_bm25(self) -> bool:
        if self._connection.is_lite:
            return True
        version = str(await self._connection.call("get_server_version")).lstrip("v")
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        return numbers >= BM25_SINCE
