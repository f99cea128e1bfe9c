"""Dry run: stand-ins with which an ingestion writes nothing."""

from collections.abc import Collection, Sequence
from typing import Any

from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    VectorStoreQuery,
    VectorStoreQueryResult,
)

from alir.models.files import generation_after
from alir.models.records import SourceRecord
from alir.ports import ShardCatalog, ShardLedger


class DryRunStore(BasePydanticVectorStore):
    """Acknowledges each write and keeps nothing."""

    stores_text: bool = True

    @property
    def client(self) -> None:
        """No client: there is no store."""

    def add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:
        """Return the ids of the nodes."""
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **_: Any) -> None:
        """Delete nothing."""

    async def adelete_nodes(self, *_: Any, **__: Any) -> None:
        """Delete nothing."""

    def query(self, query: VectorStoreQuery, **_: Any) -> VectorStoreQueryResult:
        """Find nothing."""
        return VectorStoreQueryResult()


class DryRunCatalog:
    """Reads a catalog, and takes each chunk for written: a `DryRunStore` acknowledged it."""

    def __init__(self, catalog: ShardCatalog) -> None:
        self.live_versions = catalog.live_versions
        self.vectors_by_text = catalog.vectors_by_text

    async def existing_chunks(self, chunk_ids: Sequence[str]) -> set[str]:
        """Return `chunk_ids`."""
        return {*chunk_ids}


class DryRunLedger:
    """Reads a ledger, and records nothing."""

    def __init__(self, ledger: ShardLedger) -> None:
        self._ledger = ledger

    async def source_records(self, ids: Collection[str]) -> dict[str, SourceRecord]:
        """Return the records of `ids` by id; unknown ids are left out."""
        return await self._ledger.source_records(ids)

    async def record_sources(self, records: Sequence[SourceRecord]) -> None:
        """Record nothing."""

    async def next_generation(self, above: int = 0) -> int:
        """Return a token that is not recorded."""
        return generation_after(above)
