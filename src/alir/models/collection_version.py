"""The Milvus collections that an index's name means, one after another."""

from dataclasses import dataclass

from alir.models.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True)
class CollectionVersion:
    """One of the collections that an index's name means, or has meant."""

    collection: str
    made_with: Fingerprint
    """As far as it is known."""


@dataclass(frozen=True, slots=True)
class CollectionAudit:
    """A collection, read back row by row."""

    files: frozenset[str]
    """Source ids of those it holds completely."""
    chunks_due: int
    """How many chunks they say they have."""
    chunks: int
    """How many ids were read."""
    rows: int
    """How many rows the store counts."""

    @property
    def is_whole(self) -> bool:
        """Whether no chunk is missing, doubled, or of a file that is not complete."""
        return self.chunks_due == self.chunks == self.rows
