"""alir's search as a LlamaIndex retriever."""

from typing import cast

from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.vector_stores.types import MetadataFilters

from alir.events.search import Passages, Search
from alir.workflows.search import SearchCorpus


class AlirRetriever(BaseRetriever):
    """Returns what `SearchCorpus` finds: both searches, fused, only of live versions.

    Args:
        similarity_top_k: passages to find; None takes the setting.
        filters: the passages that may be found; `alir.below` makes filters of files and folders.

    A list of nodes cannot report that one of the searches failed; `SearchCorpus` does.
    """

    def __init__(
        self,
        search: SearchCorpus,
        *,
        similarity_top_k: int | None = None,
        filters: MetadataFilters | None = None,
    ) -> None:
        super().__init__()
        self._search = search
        self._similarity_top_k = similarity_top_k
        self._filters = filters

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        search = Search(
            question=query_bundle.query_str, top_k=self._similarity_top_k, filters=self._filters
        )
        return cast("Passages", await self._search.run(start_event=search)).passages

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found: list[NodeWithScore] = asyncio_run(self._aretrieve(query_bundle))
        return found
