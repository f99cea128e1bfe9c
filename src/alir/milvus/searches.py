"""The searches of each query mode, and the nodes that they find."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from pymilvus import AnnSearchRequest
from pymilvus.client.abstract import BaseRanker

from alir.errors import (
    InvalidQuery,
    InvalidSetting,
    KeywordSearchUnavailable,
    MilvusFailed,
)
from alir.milvus.client.wire import Hit
from alir.milvus.collection.collection import Collection
from alir.milvus.collection.request_batcher import RequestBatcher
from alir.milvus.collection.schema import CollectionLayout, ExistingCollection
from alir.milvus.collection.sparse import SparseEncoder
from alir.milvus.filters import among, both, scalar_expression
from alir.milvus.options import refuse_on_lite
from alir.milvus.query_checks import MAX_TOP_K, MODES, check_query
from alir.milvus.rows import ID_FIELD, NODE_FIELDS, to_nodes

Options = Mapping[str, Any]
"""What a caller of `aquery` may add: MilvusVectorStore's `milvus_*`, `mmr_*`, `string_expr`."""

MMR_PREFETCH_FACTOR = 4.0


@dataclass(frozen=True, slots=True)
class CollectionSearcher:
    """The searches of one collection.

    Args:
        sparse_vectors: what makes them where Milvus does not.
        search_config: of dense searches, as Milvus's search parameters.
        output_fields: fields that come back besides a node's own.
    """

    layout: CollectionLayout
    collection: Collection
    batches: RequestBatcher
    sparse_vectors: SparseEncoder | None
    ranker: BaseRanker
    consistency_level: str
    search_config: dict[str, Any] = field(default_factory=dict)
    output_fields: Sequence[str] = ()

    async def query_nodes(
        self, query: VectorStoreQuery, options: Options
    ) -> VectorStoreQueryResult:
        """Search in the mode that `query` asks for; nothing is found without a collection.

        Raises:
            InvalidQuery: a part is missing, or Milvus cannot take it.
        """
        try:
            return await self._query_nodes(query, options)
        except MilvusFailed as error:
            if (expression := options.get("string_expr")) and not error.retryable:
                problem = f"is {expression!r}, and Milvus refused it"
                remedy = "Correct it: https://milvus.io/docs/boolean.md"
                raise InvalidQuery("string_expr", problem, remedy) from error
            raise

    async def _query_nodes(
        self, query: VectorStoreQuery, options: Options
    ) -> VectorStoreQueryResult:
        found = await self.collection.open_current()
        if found is None:
            return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
        wanted = query.output_fields or self.output_fields
        shared = {
            "expr": self._condition(query, options, found),
            "output_fields": self._fields(wanted),
            "partition_names": self._partitions(options),
        }
        mode = query.mode
        check_query(query, dim=found.dim)
        if mode == VectorStoreQueryMode.DEFAULT:
            hits = await self._dense(query, options, shared)
        elif mode == VectorStoreQueryMode.MMR:
            hits = await self._mmr(query, options, shared)
        elif mode in {VectorStoreQueryMode.SPARSE, VectorStoreQueryMode.TEXT_SEARCH}:
            hits = await self._sparse(query, found, shared)
        elif mode == VectorStoreQueryMode.HYBRID:
            hits = await self._hybrid(query, options, found, shared)
        else:
            raise InvalidQuery("mode", f"is {mode!r}", f"Use one of {', '.join(MODES)}.")
        ids = [str(hit["id"]) for hit in hits]
        return VectorStoreQueryResult(
            nodes=self._nodes([hit["entity"] for hit in hits], ids, wanted),
            similarities=[hit["distance"] for hit in hits],
            ids=ids,
        )

    async def get_nodes(
        self,
        node_ids: list[str] | None,
        filters: MetadataFilters | None,
        wanted: Sequence[str],
        options: Options,
    ) -> list[BaseNode]:
        """Return the nodes that have one of `node_ids` and match `filters`, by id."""
        found = await self.collection.open_existing()
        if node_ids == [] or found is None:
            return []
        fields, partitions = self._fields(wanted), self._partitions(options)
        if node_ids and not filters and not partitions:
            ids = sorted(set(node_ids))
            rows = await self.batches.read_rows(
                ids, fields, consistency_level=self.consistency_level
            )
        else:
            expression = found.node_expression(node_ids, filters)
            scanned = self.collection.scan(expression, fields, partitions=partitions)
            rows = [row async for row in scanned]
        return self._nodes(rows, [row[ID_FIELD] for row in rows], wanted)

    def _fields(self, wanted: Sequence[str]) -> list[str]:
        """Return the fields to fetch: a node's own, without its vectors, and those `wanted`."""
        return list(dict.fromkeys([self.layout.text_key, *NODE_FIELDS, *wanted]))

    def _nodes(
        self, rows: Sequence[Mapping[str, Any]], ids: Sequence[str], wanted: Sequence[str]
    ) -> list[BaseNode]:
        """Return the nodes of `rows`; what was `wanted` besides is in their metadata."""
        text_key = self.layout.text_key
        if not wanted:
            return to_nodes(rows, ids, text_key=text_key)
        embedding_field = self.layout.embedding_field
        vectors = {embedding_field, self.layout.sparse_embedding_field}
        others = [
            {name: value for name, value in row.items() if name not in vectors} for row in rows
        ]
        nodes = to_nodes(others, ids, text_key=text_key)
        has_embedding = not {embedding_field, "*"}.isdisjoint(wanted)
        added = [one for one in wanted if one not in {ID_FIELD, text_key, *NODE_FIELDS}]
        for node, row, fields in zip(nodes, rows, others, strict=True):
            if has_embedding and (embedding := row.get(embedding_field)) is not None:
                node.embedding = list(embedding)
            for name in added:
                if name in fields:
                    node.metadata.setdefault(name, fields[name])
        return nodes

    def _partitions(self, options: Options) -> list[str] | None:
        """Return the partitions to look in; None for all."""
        names = options.get("milvus_partition_names")
        if names and self.collection.connection.is_lite:
            refuse_on_lite(milvus_partition_names=names)
        return list(names) if names else None

    def _search(self, query: VectorStoreQuery, sought: Any, **search: Any) -> Awaitable[list[Hit]]:
        return self.batches.search(
            sought,
            limit=query.similarity_top_k,
            consistency_level=self.consistency_level,
            **search,
        )

    def _dense(
        self, query: VectorStoreQuery, options: Options, shared: dict[str, Any]
    ) -> Awaitable[list[Hit]]:
        return self._search(
            query,
            query.query_embedding,
            anns_field=self.layout.embedding_field,
            param=self._dense_params(query, options),
            **shared,
        )

    async def _sparse(
        self, query: VectorStoreQuery, found: ExistingCollection, shared: dict[str, Any]
    ) -> list[Hit]:
        return await self._search(
            query,
            await self._words(query, found),
            anns_field=self.layout.sparse_embedding_field,
            param={"metric_type": self.layout.sparse_metric},
            **shared,
        )

    async def _mmr(
        self, query: VectorStoreQuery, options: Options, shared: dict[str, Any]
    ) -> list[Hit]:
        field_name = self.layout.embedding_field
        fields = list(dict.fromkeys([*shared["output_fields"], field_name]))
        many = replace(query, similarity_top_k=_prefetched(query, options))
        hits = await self._dense(many, options, shared | {"output_fields": fields})
        vectors = [hit["entity"][field_name] for hit in hits]
        threshold = options.get("mmr_threshold", query.mmr_threshold)
        if threshold is not None and not isinstance(threshold, int | float):
            raise InvalidQuery("mmr_threshold", f"is {threshold!r}", "Give a number from 0 to 1.")
        scores, positions = await asyncio.to_thread(
            get_top_k_mmr_embeddings,
            query.query_embedding or [],
            vectors,
            similarity_top_k=query.similarity_top_k,
            mmr_threshold=threshold,
        )
        chosen = [hits[position] for position in positions]
        for hit, score in zip(chosen, scores, strict=True):
            hit["distance"] = float(score)
            if not {field_name, "*"} & set(shared["output_fields"]):
                del hit["entity"][field_name]
        return chosen

    async def _hybrid(
        self,
        query: VectorStoreQuery,
        options: Options,
        found: ExistingCollection,
        shared: dict[str, Any],
    ) -> list[Hit]:
        expression = shared["expr"]
        words, top_k = await self._words(query, found), query.similarity_top_k
        requests = [
            AnnSearchRequest(
                [query.query_embedding],
                self.layout.embedding_field,
                self._dense_params(query, options),
                limit=top_k,
                expr=expression,
            ),
            AnnSearchRequest(
                [words],
                self.layout.sparse_embedding_field,
                {"metric_type": self.layout.sparse_metric},
                limit=query.sparse_top_k or top_k,
                expr=expression,
            ),
        ]
        results = await self.collection.call_method(
            "hybrid_search",
            reqs=requests,
            ranker=self.ranker,
            limit=query.hybrid_top_k or top_k,
            output_fields=shared["output_fields"],
            partition_names=shared["partition_names"],
            consistency_level=self.consistency_level,
        )
        return list(results[0])

    def _dense_params(self, query: VectorStoreQuery, options: Options) -> dict[str, Any]:
        if not self.layout.dense:
            raise InvalidSetting(
                "enable_dense",
                f"this store has no dense vectors, and the mode {query.mode.value!r} needs them",
                "Ask in the mode 'sparse'.",
            )
        config = options.get("milvus_search_config", self.search_config)
        if not isinstance(config, Mapping):
            raise InvalidQuery("milvus_search_config", f"is {config!r}", "Give a dictionary.")
        # Both forms are in use: {"nprobe": 8}, and {"params": {"nprobe": 8}}.
        params = config if "params" in config else {"params": dict(config)}
        return {"metric_type": self.layout.metric, **params}

    async def _words(self, query: VectorStoreQuery, found: ExistingCollection) -> Any:
        if not found.sparse:
            raise KeywordSearchUnavailable(self.layout.collection)
        if self.sparse_vectors is None:
            return query.query_str
        return await self.sparse_vectors.encode_query(query.query_str or "")

    def _condition(
        self, query: VectorStoreQuery, options: Options, found: ExistingCollection
    ) -> str:
        if not (query.doc_ids or query.node_ids or query.filters or options):
            return ""
        documents = among(self.layout.doc_id_field, query.doc_ids) if query.doc_ids else ""
        return both(
            documents,
            found.node_expression(query.node_ids or None, query.filters),
            scalar_expression(options.get("milvus_scalar_filters") or (), found.dialect),
            options.get("string_expr") or "",
        )


def _prefetched(query: VectorStoreQuery, options: Options) -> int:
    """Return how many hits maximum marginal relevance chooses from."""
    count, factor = options.get("mmr_prefetch_k"), options.get("mmr_prefetch_factor")
    if count is not None and factor is not None:
        raise InvalidQuery("mmr_prefetch_k", "stands beside mmr_prefetch_factor", "Give one.")
    name, given = ("mmr_prefetch_k", count) if factor is None else ("mmr_prefetch_factor", factor)
    if given is None:
        return int(query.similarity_top_k * MMR_PREFETCH_FACTOR)
    if not isinstance(given, int | float) or not given > 0:
        raise InvalidQuery(name, f"is {given!r}", "Give a number above 0.")
    return min(MAX_TOP_K, max(1, int(given if factor is None else query.similarity_top_k * given)))
