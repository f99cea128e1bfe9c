"""The limits of `bench ask`: LlamaIndex's two engines, where everything they call takes no time."""

# To mypy a step is an attribute with its class in the type.
# mypy: disable-error-code="assignment, override"

from collections.abc import Sequence

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle
from workflows import Context, step

from alir.events.ask import Answer
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
from alir.models.answers import Branch
from alir.workflows.ask import AskCorpus
from benchmarks.store.ways import at_once


class KnownPassages(BaseRetriever):
    """Finds what was found before; what is left of a question is LlamaIndex's query engine."""

    def __init__(self, known: dict[str, list[NodeWithScore]]) -> None:
        super().__init__()
        self._known = known

    @classmethod
    async def of(cls, retriever: BaseRetriever, questions: Sequence[str]) -> "KnownPassages":
        """Return one that knows what `retriever` finds for each of `questions`."""
        different = list(dict.fromkeys(questions))
        found = await at_once(retriever.aretrieve, different)
        return cls(dict(zip(different, found, strict=True)))

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._known[query_bundle.query_str]


class EmptySteps(AskCorpus):
    """alir's workflow with nothing in its steps; what is left is LlamaIndex's workflow engine."""

    @step
    async def search_dense(self, ev: DenseSearchPlanned) -> PassagesRetrieved:
        """Find nothing."""
        return _nothing(ev, "dense")

    @step
    async def search_keyword(self, ev: KeywordSearchPlanned) -> PassagesRetrieved:
        """Find nothing."""
        return _nothing(ev, "keyword")

    @step
    async def fuse(
        self, ev: list[PassagesRetrieved]
    ) -> PassagesFused | PassagesRanked | NothingFound:
        """Go on with nothing."""
        return PassagesRanked(plan=ev[0].plan, passages=[], degraded=[], seconds={})

    @step
    async def read(self, ev: PassagesRanked) -> PassagesRead | VersionsMoved | NothingFound:
        """Read nothing."""
        return PassagesRead(plan=ev.plan, passages=[], texts={}, degraded=[], seconds={})

    @step
    async def synthesize(self, ctx: Context, ev: PassagesRead) -> Answer:
        """Say nothing."""
        del ctx, ev
        return Answer(text="", mode="llm", citations=[], sources=[], degraded=[], seconds={})


def _nothing(plan: SearchPlanned, branch: Branch) -> PassagesRetrieved:
    return PassagesRetrieved(plan=plan, branch=branch, passages=[], failure=None, seconds={})
