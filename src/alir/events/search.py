"""The events of a search that ends with the passages it found."""

from typing import Any

from llama_index.core.schema import NodeWithScore
from llama_index.core.vector_stores.types import MetadataFilters
from pydantic import Field
from workflows.events import StartEvent, StopEvent

from alir.events.base import Seconds, StrictEvent
from alir.models.answers import Branch, Fusion
from alir.models.files import FileVersion


class Search(StrictEvent, StartEvent):
    """Find the passages of the indexed documents that a question is answered from."""

    question: str
    top_k: int | None = None
    """Passages to find; None is the setting's."""
    filters: MetadataFilters | None = None
    """What passages may be found."""
    fusion: Fusion = Fusion()
    rerank: bool = True
    """Whether the postprocessors, if there are any, rerank the passages."""


class Passages(StrictEvent, StopEvent):
    """What a search found."""

    passages: list[NodeWithScore]
    """Best first."""
    degraded: list[str]
    """What did not work as it should, one sentence each."""
    seconds: dict[str, float]


class SearchPlanned(StrictEvent):
    """A search for a question begins."""

    question: str
    top_k: int
    started: float
    """Clock reading, in seconds, when the question came."""
    fusion: Fusion
    is_reranked: bool
    filters: MetadataFilters | None = None
    excluded: list[FileVersion] = Field(default_factory=list)
    """Versions that an earlier search found and that are not live."""
    searches: int = 1
    """This one included."""


class DenseSearchPlanned(SearchPlanned):
    """The search by meaning begins."""


class KeywordSearchPlanned(SearchPlanned):
    """The search by words begins."""


class PassagesRetrieved(StrictEvent):
    """One branch's passages, best first, or why it failed."""

    plan: SearchPlanned
    branch: Branch
    passages: list[NodeWithScore]
    failure: Any = None
    """The `AlirError` that it failed with."""
    seconds: Seconds


class RankedPassages(StrictEvent):
    """The branches' passages as one list, best first."""

    plan: SearchPlanned
    passages: list[NodeWithScore]
    degraded: list[str]
    """What did not work as it should, one sentence each."""
    seconds: Seconds


class PassagesFused(RankedPassages):
    """There are more passages than are asked for, to be reranked."""


class PassagesRanked(RankedPassages):
    """There are as many passages as are asked for."""


class PassagesRead(RankedPassages):
    """The passages are from the versions that the index holds."""

    texts: dict[str, str]
    """Their texts there, by chunk id."""


class VersionsMoved(StrictEvent):
    """Files were updated meanwhile: these versions are not live yet, or no longer."""

    plan: SearchPlanned
    stale: list[FileVersion]


class NothingFound(StrictEvent):
    """No branch found a passage."""

    plan: SearchPlanned
    degraded: list[str]
    seconds: Seconds
