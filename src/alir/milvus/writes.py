"""Writes of nodes: they become rows, are checked, and go out with other pending rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode

from alir.errors import NodeRefused
from alir.milvus.client.wire import Operation
from alir.milvus.collection.collection import Collection
from alir.milvus.collection.request_batcher import RequestBatcher
from alir.milvus.collection.schema import CollectionLayout, ExistingCollection
from alir.milvus.collection.sparse import SparseEncoder
from alir.milvus.collection.tenants import TENANT_FIELD
from alir.milvus.options import refuse_on_lite
from alir.milvus.rows import Row, to_rows


@dataclass(frozen=True, slots=True)
class CollectionWriter:
    """The writes of one collection.

    Args:
        sparse_vectors: what makes them where Milvus does not.
    """

    layout: CollectionLayout
    collection: Collection
    batches: RequestBatcher
    sparse_vectors: SparseEncoder | None
    operation: Operation

    async def add_nodes(self, nodes: Sequence[BaseNode], options: Mapping[str, Any]) -> list[str]:
        """Store `nodes`; return their ids in order.

        Raises:
            NodeRefused: a node that Milvus cannot store; nothing of this call was written.
        """
        if not nodes:
            return []
        partition = self.partition(options)
        found = self.collection.found or await self.collection.open_or_create(_dim(nodes[0]))
        rows = self._rows(nodes, found)
        if self.sparse_vectors is not None:
            texts = [node.get_content(metadata_mode=MetadataMode.NONE) for node in nodes]
            vectors = await self.sparse_vectors.encode_documents(texts)
            for row, vector in zip(rows, vectors, strict=True):
                row.columns[self.layout.sparse_embedding_field] = vector
        _need(found.required, rows)
        await self.batches.write_rows(self.operation, rows, partition=partition)
        if options.get("force_flush"):
            await self.collection.call_method("flush")
        return [node.node_id for node in nodes]

    def partition(self, options: Mapping[str, Any]) -> str | None:
        """Return the partition to write to; None for the default."""
        name = options.get("milvus_partition_name")
        if name is not None and self.collection.connection.is_lite:
            refuse_on_lite(milvus_partition_name=name)
        return name

    def _rows(self, nodes: Sequence[BaseNode], found: ExistingCollection) -> list[Row]:
        rows = to_rows(
            nodes,
            text_key=self.layout.text_key,
            doc_id_field=self.layout.doc_id_field,
            dim=found.dim,
            fields=found.fields,
        )
        if found.tenants is not None:
            for row, node in zip(rows, nodes, strict=True):
                row.columns[TENANT_FIELD] = found.tenants.tenant_of(node.metadata.get("file_path"))
        return rows


def _need(fields: Sequence[str], rows: Sequence[Row]) -> None:
    for row in rows:
        for name in fields:
            if row.columns.get(name) is None:
                problem = f"its metadata has no {name!r}, a field of the schema"
                raise NodeRefused(row.id, problem)


def _dim(node: BaseNode) -> int | None:
    return None if node.embedding is None else len(node.embedding) or None
