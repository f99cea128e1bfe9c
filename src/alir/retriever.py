"""alir's search, wherever LlamaIndex takes a retriever."""

from typing import cast

from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from alir.search_events import Passages, Search
from alir.workflows.search_corpus import SearchCorpus


class AlirRetriever(BaseRetriever):
    """Finds what `SearchCorpus` finds: both searches, fused, and only of live versions.

    A list of nodes cannot say that one of the searches failed; `SearchCorpus` does.
    """

    def __init__(self, search: SearchCorpus) -> None:
        super().__init__()
        self._search = search

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        run = self._search.run(start_event=Search(question=query_bundle.query_str))
        return cast("Passages", await run).passages

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found: list[NodeWithScore] = asyncio_run(self._aretrieve(query_bundle))
        return found
