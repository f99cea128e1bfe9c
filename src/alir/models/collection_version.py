"""The versions of a collection: Milvus collections to which one alias points in turn."""

from dataclasses import dataclass

from alir.models.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True)
class CollectionVersion:
    """A collection to which the alias points, or has pointed."""

    collection: str
    made_with: Fingerprint
    """The parts of its fingerprint that are known."""


@dataclass(frozen=True, slots=True)
class CollectionAudit:
    """The counts of a collection that was read row by row."""

    files: frozenset[str]
    """Source ids of the files that it holds completely."""
    chunks_due: int
    """Chunks that these files should have."""
    chunks: int
    """Chunk ids that were read."""
    rows: int
    """Rows that the store counts."""
    broken: frozenset[str] = frozenset()
    """Source ids of the files that have more or fewer rows than they should."""

    @property
    def is_whole(self) -> bool:
        """Whether no chunk is missing, doubled, or of a file that is not complete."""
        return self.chunks_due == self.chunks == self.rows
