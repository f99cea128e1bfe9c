"""The events of a search that ends with the passages it found."""

from llama_index.core.schema import NodeWithScore
from llama_index.core.vector_stores.types import MetadataFilters
from workflows.events import StartEvent, StopEvent

from alir.models import Fusion
from alir.strict_event import StrictEvent


class Search(StrictEvent, StartEvent):
    """Find the passages of the indexed documents that a question is answered from."""

    question: str
    top_k: int | None = None
    """Passages to find; None is the setting's."""
    filters: MetadataFilters | None = None
    """What passages may be found."""
    fusion: Fusion = Fusion()
    rerank: bool = True
    """Whether the postprocessors, if there are any, have their say."""


class Passages(StrictEvent, StopEvent):
    """What a search found."""

    passages: list[NodeWithScore]
    """Best first."""
    degraded: list[str]
    """What did not work as it should, one sentence each."""
    seconds: dict[str, float]
