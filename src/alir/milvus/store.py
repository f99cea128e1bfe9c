"""A LlamaIndex vector store over Milvus, async first.

It reads what `MilvusVectorStore` wrote and the other way round, with the same constructor
options; every call has a timeout, only the needed fields travel, and every error is one of
`alir.errors`.
"""

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

from alir.errors import InvalidSetting, KeywordSearchUnavailable
from alir.milvus.batches import Batches
from alir.milvus.collection import Collection
from alir.milvus.connection import MilvusConnection
from alir.milvus.filters import among, both, to_expression
from alir.milvus.rows import ID_FIELD, NODE_FIELDS, to_node, to_row
from alir.milvus.schema import Layout

T = TypeVar("T")

METRICS = {"ip": "IP", "l2": "L2", "euclidean": "L2", "cosine": "COSINE"}


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

    _collection: Collection = PrivateAttr()
    _batches: Batches = PrivateAttr()
    _search_config: dict[str, Any] = PrivateAttr()

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
        self._search_config = search_config or {}
        layout = Layout(
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
        self._collection = Collection(
            MilvusConnection(uri, token, timeout_s=timeout_s),
            layout,
            consistency_level=consistency_level,
            sparse=enable_sparse,
            overwrite=overwrite,
        )
        self._batches = Batches(self._collection, max_rows=batch_size)

    @classmethod
    def class_name(cls) -> str:
        """Return the name LlamaIndex serializes this class under."""
        return "AlirMilvusStore"

    @property
    def client(self) -> MilvusConnection:
        """Return the connection; `client.call(operation, ...)` reaches the rest of Milvus."""
        return self._collection.connection

    # Writing

    async def async_add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:
        """Store `nodes`, each with an embedding of (dim,) floats; return their ids in order.

        Raises:
            NodeRefused: a node that Milvus cannot store; nothing of this call was written.
        """
        if not nodes:
            return []
        found = await self._collection.opened(_dim(nodes[0]))
        rows = [
            to_row(
                node,
                text_key=self.text_key,
                doc_id_field=self.doc_id_field,
                dim=found.dim,
                fields=found.fields,
            )
            for node in nodes
        ]
        await self._batches.write("upsert" if self.upsert_mode else "insert", rows)
        return [node.node_id for node in nodes]

    async def adelete(self, ref_doc_id: str, **_: Any) -> None:
        """Delete every node that came from the document `ref_doc_id`."""
        await self._collection.delete(among(self.doc_id_field, [ref_doc_id]))

    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **_: Any,
    ) -> None:
        """Delete the nodes that have one of `node_ids` and match `filters`; one must be given."""
        if not node_ids and not (filters and filters.filters):
            raise ValueError("Either node_ids or filters must be given.")
        await self._collection.delete(self._selection(node_ids, filters))

    async def aclear(self) -> None:
        """Drop the collection; the next add makes it anew."""
        await self._collection.drop()

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
        if not await self._collection.opened_or_none():
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

    def scan(
        self, expression: str, fields: Sequence[str], *, page_rows: int = 1000
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the rows that match a Milvus expression; see `Collection.scan`."""
        return self._collection.scan(expression, fields, page_rows=page_rows)

    async def count(self, expression: str = "") -> int:
        """Return how many rows match a Milvus expression; 0 without a collection."""
        return await self._collection.count(expression)

    async def keyword_search(self) -> bool:
        """Return whether this collection can be searched by words (BM25)."""
        found = await self._collection.opened_or_none()
        return found is not None and found.sparse

    async def aclose(self) -> None:
        """Close the connection; a later call opens it again."""
        await self._collection.close()

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
        return self._collection.connection.run(work)

    # Searches

    @property
    def _node_fields(self) -> list[str]:
        return [self.text_key, *NODE_FIELDS]

    async def _dense(self, query: VectorStoreQuery) -> list[dict[str, Any]]:
        return await self._search(
            query,
            query.query_embedding,
            anns_field=self.embedding_field,
            param={"metric_type": self.similarity_metric, "params": self._search_config},
        )

    async def _keyword(self, query: VectorStoreQuery) -> list[dict[str, Any]]:
        await self._need_bm25()
        return await self._search(
            query,
            query.query_str,
            anns_field=self.sparse_embedding_field,
            param={"metric_type": "BM25"},
        )

    async def _search(
        self, query: VectorStoreQuery, sought: Any, **search: Any
    ) -> list[dict[str, Any]]:
        return await self._batches.search(
            sought,
            expr=self._condition(query),
            limit=query.similarity_top_k,
            output_fields=self._node_fields,
            consistency_level=self.consistency_level,
            **search,
        )

    async def _hybrid(self, query: VectorStoreQuery) -> list[dict[str, Any]]:
        await self._need_bm25()
        shared = {"limit": query.similarity_top_k, "expr": self._condition(query)}
        dense = {"metric_type": self.similarity_metric, "params": self._search_config}
        results = await self._collection.call(
            "hybrid_search",
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

    async def _need_bm25(self) -> None:
        if not await self.keyword_search():
            raise KeywordSearchUnavailable(self.collection_name)


def _dim(node: BaseNode) -> int | None:
    return None if node.embedding is None else len(node.embedding) or None
