"""Stored records of files and of conversations.

This module imports no library, so that a command that only reads them starts fast.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

Stage = Literal["planned", "written", "verified", "settled"]
"""How far a file's version came; settled: the version it replaces is deleted."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A file when it was read, and how far its ingestion came."""

    source_id: str
    path: Path
    size_bytes: int
    mtime_ns: int
    content_hash: str
    """Empty until the file is read, if the ledger was made again from the index."""
    version: str
    chunks: int
    stage: Stage
    replaces: str = ""
    """The older version, while the index may still hold it."""
    ctime_ns: int = 0
    """The inode's change time: it may differ where size and mtime are the same."""
    generation: int = 0
    """The fencing token of the version."""


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that could not be ingested. Times are seconds since 1970."""

    path: Path
    reason: str
    attempts: int
    first_s: float
    last_s: float
    next_try_s: float

    def to_json(self) -> dict[str, object]:
        """Return it as `alir status` prints it."""
        next_try = datetime.fromtimestamp(self.next_try_s, UTC)
        return {
            "file": str(self.path),
            "reason": self.reason,
            "attempts": self.attempts,
            "next_try": next_try.isoformat("T", "seconds"),
        }


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A conversation. Times are nanoseconds since 1970."""

    name: str
    questions: int
    begun_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of a conversation, as it was understood, and its answer."""

    question: str
    answer: str
    asked_ns: int
    """When it was kept, in nanoseconds since 1970."""
