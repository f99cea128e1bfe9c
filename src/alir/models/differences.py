"""The rows of an index, and how folder, ledger and index differ."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from alir.models.files import StoredSource

DifferenceKind = Literal[
    "not held",
    "other content",
    "failed",
    "gone",
    "chunks missing",
    "rows doubled",
    "wrong positions",
    "wrong text",
    "wrong hash",
    "wrong source",
    "no head",
    "being written",
    "old version",
    "ledger lacks it",
    "ledger disagrees",
    "ledger unsettled",
    "index denies it",
    "ledger keeps it",
]


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A row of the index."""

    chunk_id: str
    source: StoredSource | None
    """The version that it is a chunk of; None for a row that alir did not write."""
    position: int = -1
    """From 0; -1 where the row has none."""
    text_hash: str = ""
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """How folder, ledger and index differ over one file."""

    path: Path
    kind: DifferenceKind
    sentence: str = field(compare=False)
    """What differs, without the path; counts in it may change between two readings."""
    source_id: str = ""
    version: StoredSource | None = field(default=None, compare=False)
    """The version of the index that is concerned."""
    generation: int = 0
    """Of that version."""
    chunk_id: str = ""
    """The row that is concerned, if it is one."""

    def to_json(self) -> dict[str, Any]:
        """Return it as `alir verify --json` prints it."""
        return {"file": str(self.path), "kind": self.kind, "difference": self.sentence}
