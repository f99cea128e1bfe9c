"""Search: the passages that a question is answered from, without an answer."""

from time import perf_counter

from workflows import step

from alir.errors import NothingIngested
from alir.events.search import (
    DenseSearchPlanned,
    KeywordSearchPlanned,
    NothingFound,
    Passages,
    PassagesRead,
    Search,
)
from alir.workflows.retrieval import Retrieval


class SearchCorpus(Retrieval):
    """Find the passages of the index for a question."""

    @step
    async def plan(self, ev: Search) -> list[DenseSearchPlanned | KeywordSearchPlanned]:
        """Plan the searches of the question."""
        return await self._planned(
            ev.question, ev.top_k, filters=ev.filters, fusion=ev.fusion, is_reranked=ev.rerank
        )

    @step
    async def finish(self, ev: PassagesRead) -> Passages:
        """Return what was found."""
        seconds = {**ev.seconds, "total": perf_counter() - ev.plan.started}
        return Passages(passages=ev.passages, degraded=ev.degraded, seconds=seconds)

    @step
    async def report_nothing(self, ev: NothingFound) -> Passages:
        """Return no passages; raise if the index is empty."""
        if await self.catalog.count_chunks() == 0:
            raise NothingIngested(self.catalog.collection)
        seconds = {**ev.seconds, "total": perf_counter() - ev.plan.started}
        return Passages(passages=[], degraded=ev.degraded, seconds=seconds)
