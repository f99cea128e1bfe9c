"""Find passages: search by meaning and by words at once, fuse, rerank, read again."""

from collections.abc import Awaitable, Sequence
from functools import cache
from time import perf_counter
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore
from llama_index.core.vector_stores.types import BasePydanticVectorStore, MetadataFilters
from workflows import Workflow, step

from alir.errors import (
    AlirError,
    DependencyError,
    EmptyQuestion,
    InvalidTopK,
    KeywordSearchUnavailable,
    NothingIngested,
    RetrievalFailed,
)
from alir.events.search import (
    DenseSearchPlanned,
    KeywordSearchPlanned,
    NothingFound,
    PassagesFused,
    PassagesRanked,
    PassagesRead,
    PassagesRetrieved,
    SearchPlanned,
    VersionsMoved,
)
from alir.models.answers import Branch, Fusion
from alir.models.path_filters import both, without
from alir.ports import Catalog
from alir.steps.ask.fuse import fuse
from alir.steps.ask.read import live, read
from alir.steps.ask.rerank import rerank
from alir.steps.ask.retrieve import retrieve_dense, retrieve_keyword
from alir.steps.ingest.embed import embed_question

MAX_TOP_K = 100
CANDIDATES_PER_PASSAGE = 4
"""Passages each branch looks up for one that is kept: what one branch ranks low, the other may
rank high."""

MAX_SEARCHES = 8
"""Of one question; it searches again if files were updated meanwhile."""

NOTHING_PASSES = "Nothing in the index passes the filters."

Searches = list[DenseSearchPlanned | KeywordSearchPlanned]


class Retrieval(Workflow):
    """The steps from a question to its passages; a subclass adds a start and an end.

    Args:
        node_postprocessors: LlamaIndex's rerankers and filters of passages, in this order.
    """

    def __init__(
        self,
        *,
        embedding: BaseEmbedding,
        vector_store: BasePydanticVectorStore,
        catalog: Catalog,
        top_k: int = 5,
        node_postprocessors: Sequence[BaseNodePostprocessor] = (),
    ) -> None:
        super().__init__(timeout=None)
        self.embedding = embedding
        self.vector_store = vector_store
        self.catalog = catalog
        self.top_k = top_k
        self.node_postprocessors = node_postprocessors
        self._has_content = False

    def __dir__(self) -> list[str]:
        """Return alir's own names, and `run`: the engine looks here for steps nine times a run."""
        return _own_names(type(self))

    async def _planned(
        self,
        question: str,
        top_k: int | None,
        *,
        filters: MetadataFilters | None = None,
        fusion: Fusion | None = None,
        is_reranked: bool = True,
    ) -> Searches:
        """Plan the searches of a question."""
        started = perf_counter()
        if not question.strip():
            raise EmptyQuestion
        top_k = self.top_k if top_k is None else top_k
        if not 1 <= top_k <= MAX_TOP_K:
            raise InvalidTopK(top_k, MAX_TOP_K)
        # Once: an empty index is an error before the model is loaded, but not looked for each time.
        self._has_content = self._has_content or await self.catalog.count_chunks() > 0
        if not self._has_content:
            raise NothingIngested(self.catalog.collection)
        return _branches(
            fusion or Fusion(),
            question=question.strip(),
            top_k=top_k,
            started=started,
            is_reranked=is_reranked and bool(self.node_postprocessors),
            filters=filters,
        )

    @step
    async def replan(self, ev: VersionsMoved) -> list[DenseSearchPlanned | KeywordSearchPlanned]:
        """Search again, without the versions that are not live."""
        plan = ev.plan
        return _branches(
            plan.fusion,
            question=plan.question,
            top_k=plan.top_k,
            started=plan.started,
            is_reranked=plan.is_reranked,
            filters=plan.filters,
            excluded=ev.stale,
            searches=plan.searches + 1,
        )

    @step
    async def search_dense(self, ev: DenseSearchPlanned) -> PassagesRetrieved:
        """Find the passages nearest in meaning."""
        started = perf_counter()
        vector = await embed_question(ev.question, embedding=self.embedding)
        seconds = {"embed": perf_counter() - started}
        search = retrieve_dense(
            vector,
            top_k=_candidates(ev),
            vector_store=self.vector_store,
            filters=_filters(ev),
        )
        return await _searched(ev, "dense", search, seconds)

    @step
    async def search_keyword(self, ev: KeywordSearchPlanned) -> PassagesRetrieved:
        """Find the passages with the question's words."""
        search = retrieve_keyword(
            ev.question,
            top_k=_candidates(ev),
            vector_store=self.vector_store,
            filters=_filters(ev),
        )
        return await _searched(ev, "keyword", search, {})

    @step
    async def fuse(
        self, ev: list[PassagesRetrieved]
    ) -> PassagesFused | PassagesRanked | NothingFound:
        """Make one list of the branches' passages; one branch may have failed."""
        started = perf_counter()
        failures: list[AlirError] = [one.failure for one in ev if one.failure is not None]
        if len(failures) == len(ev):
            raise RetrievalFailed(failures)
        plan = ev[0].plan
        branches = sorted(ev, key=lambda branch: branch.branch)
        passages = fuse(
            {branch.branch: branch.passages for branch in branches},
            fusion=plan.fusion,
            top_k=_candidates(plan) if plan.is_reranked else plan.top_k,
        )
        degraded = [
            f"No {one.branch} search: {one.failure.told()}"
            for one in branches
            if one.failure is not None
        ]
        seconds = {step: s for branch in branches for step, s in branch.seconds.items()}
        # Without what was excluded there may be nothing, and it may be live by now: see `read`.
        if not passages and not plan.excluded:
            if plan.filters is not None:
                degraded.append(NOTHING_PASSES)
            return NothingFound(plan=plan, degraded=degraded, seconds=seconds)
        seconds["fuse"] = perf_counter() - started
        fused = PassagesFused if plan.is_reranked else PassagesRanked
        return fused(plan=plan, passages=passages, degraded=degraded, seconds=seconds)

    @step
    async def rerank(self, ev: PassagesFused) -> PassagesRanked:
        """Let the postprocessors choose among the passages."""
        started = perf_counter()
        passages = await rerank(
            ev.plan.question,
            ev.passages,
            node_postprocessors=self.node_postprocessors,
            top_k=ev.plan.top_k,
        )
        seconds = {**ev.seconds, "rerank": perf_counter() - started}
        return PassagesRanked(
            plan=ev.plan, passages=passages, degraded=ev.degraded, seconds=seconds
        )

    @step
    async def read(self, ev: PassagesRanked) -> PassagesRead | VersionsMoved | NothingFound:
        """Read the passages again; those of a version that is not live cannot stay."""
        started = perf_counter()
        excluded = ev.plan.excluded
        found = await read(ev.passages, vector_store=self.vector_store, excluded=excluded)
        # What was excluded may be live by now, and its file would have no version at all.
        if found.stale != set(excluded) and ev.plan.searches < MAX_SEARCHES:
            return VersionsMoved(plan=ev.plan, stale=[*found.stale])
        passages = live(ev.passages, found.stale)
        seconds = {**ev.seconds, "read": perf_counter() - started}
        if not passages:
            return NothingFound(plan=ev.plan, degraded=ev.degraded, seconds=seconds)
        return PassagesRead(
            plan=ev.plan,
            passages=passages,
            texts=found.texts,
            degraded=ev.degraded,
            seconds=seconds,
        )


@cache
def _own_names(workflow: type[Workflow]) -> list[str]:
    own = [vars(kind) for kind in workflow.__mro__ if kind not in Workflow.__mro__]
    return ["run", *dict.fromkeys(name for names in own for name in names)]


def _branches(fusion: Fusion, **plan: Any) -> Searches:
    """Plan the searches that have a weight."""
    kinds: dict[Branch, type[DenseSearchPlanned | KeywordSearchPlanned]] = {
        "dense": DenseSearchPlanned,
        "keyword": KeywordSearchPlanned,
    }
    return [
        planned(**plan, fusion=fusion) for branch, planned in kinds.items() if fusion.weight(branch)
    ]


async def _searched(
    plan: SearchPlanned,
    branch: Branch,
    search: Awaitable[list[NodeWithScore]],
    seconds: dict[str, float],
) -> PassagesRetrieved:
    started = perf_counter()
    passages: list[NodeWithScore] = []
    failure: AlirError | None = None
    try:
        passages = await search
    except (DependencyError, KeywordSearchUnavailable) as error:
        failure = error
    seconds[branch] = perf_counter() - started
    return PassagesRetrieved(
        plan=plan, branch=branch, passages=passages, failure=failure, seconds=seconds
    )


def _filters(plan: SearchPlanned) -> MetadataFilters | None:
    if not plan.excluded:
        return plan.filters
    return both(plan.filters, without([one.version for one in plan.excluded]))


def _candidates(plan: SearchPlanned) -> int:
    return plan.top_k * CANDIDATES_PER_PASSAGE
