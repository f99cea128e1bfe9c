"""The events of `VerifyCorpus`."""

from pathlib import Path
from typing import Any

from pydantic import Field
from workflows.events import StartEvent, StopEvent

from alir.events.base import Seconds, StrictEvent, rounded
from alir.models.differences import Difference


class Verify(StrictEvent, StartEvent):
    """Compare folder, ledger and index, row by row."""

    paths: list[str | Path] = Field(default_factory=list)
    """Files and folders to look below; if empty, all that the index and the ledger know."""
    repair: bool = False
    """Whether to mend what differs."""
    delete_many: bool = False
    """Whether a repair may delete more than half of the files held."""


class ComparisonRequested(StrictEvent):
    """The paths to compare are known; nothing will be written."""

    roots: tuple[Path, ...] | None
    """Absolute, none inside another; None for everything."""
    started: float
    """Clock reading, in seconds, when the run began."""


class RepairRequested(StrictEvent):
    """The paths to compare and mend are known."""

    roots: tuple[Path, ...] | None
    """As above."""
    started: float
    delete_many: bool


class VerifyProgress(StrictEvent):
    """Streamed: how far the comparison has come."""

    files_done: int
    rows: int
    """Rows of the index that were read."""


class DifferencesFound(StrictEvent):
    """Streamed before they are mended: what differs."""

    differences: list[Difference]


class VerifyReport(StrictEvent, StopEvent):
    """The report of a comparison, and of a repair."""

    files: int
    """Files that were compared: of the folder, the ledger and the index."""
    rows: int
    """Rows of the index that were read."""
    differences: list[Difference]
    """Those that two readings found."""
    repair: bool
    mended: list[Difference] = Field(default_factory=list)
    """Those of `differences` that are there no more."""
    remaining: list[Difference] = Field(default_factory=list)
    """What differs at the end."""
    foreign: int = 0
    """Rows that alir did not write; they stay, and are no difference."""
    foreign_ids: list[str] = Field(default_factory=list)
    """The first of them."""
    run_in_progress: str = ""
    """A run that was writing meanwhile: what it has begun may be told as a difference."""
    seconds: Seconds

    def to_json(self) -> dict[str, Any]:
        """Return the report as `alir verify --json` prints it."""
        return {
            "files": self.files,
            "rows": self.rows,
            "differences": [one.to_json() for one in self.differences],
            "repair": self.repair,
            "mended": [one.to_json() for one in self.mended],
            "remaining": [one.to_json() for one in self.remaining],
            "foreign": self.foreign,
            "foreign_ids": self.foreign_ids,
            "run_in_progress": self.run_in_progress or None,
            "seconds": rounded(self.seconds),
        }
