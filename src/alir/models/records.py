"""What is remembered of files and of conversations.

It loads no library: a command may only want to look.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

Stage = Literal["planned", "written", "verified", "settled"]
"""How far a file's version came; settled: the version it replaces is deleted."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A file as it was when it was read, and what came of it."""

    source_id: str
    path: Path
    size_bytes: int
    mtime_ns: int
    content_hash: str
    """Empty where the ledger was made again from the index: not known until the file is read."""
    version: str
    chunks: int
    stage: Stage
    replaces: str = ""
    """The older version, while the index may still hold it."""
    ctime_ns: int = 0
    """The inode's change time: it tells a file from another of the same size and mtime."""


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
