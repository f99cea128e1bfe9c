"""A vector store's methods for code without an event loop."""

from abc import abstractmethod
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)

T = TypeVar("T")


class BlockingVectorStore(BasePydanticVectorStore):
    """Each method is its asynchronous twin, and blocks until that is done."""

    @abstractmethod
    def _run(self, work: Coroutine[Any, Any, T]) -> T: ...

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connection."""

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
