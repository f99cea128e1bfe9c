"""The events of `RebuildCorpus`."""

from pathlib import Path
from typing import Any

from pydantic import Field
from workflows.events import StartEvent, StopEvent

from alir.events.base import Seconds, StrictEvent
from alir.models.files import FileOutcome, Roots


class Rebuild(StrictEvent, StartEvent):
    """Build a new collection version beside the live one, and make it live."""

    paths: list[str | Path] = Field(default_factory=list)
    """Files and folders to index; if empty, the files that the live version holds."""
    switch_anyway: bool = False
    """Whether it may be made live although it lacks files of the present one."""


class OldIndexSurveyed(StrictEvent):
    """The files to index again are known."""

    collection: str
    """The live collection."""
    roots: Roots
    gone: list[Path]
    """Files that it holds and that no longer exist."""
    started: float
    """Clock reading, in seconds, when the run began."""
    switch_anyway: bool


class NewIndexBuilt(StrictEvent):
    """Every file that can be read is in the new version."""

    old: OldIndexSurveyed
    collection: str
    failed: list[FileOutcome]
    embedded: int
    seconds: Seconds


class NewIndexVerified(StrictEvent):
    """The new version was read back, and lacks nothing."""

    built: NewIndexBuilt
    files: int
    chunks: int
    lacking: list[Path]
    """Files that the live version holds and the new one does not, which was allowed."""


class RebuildReport(StrictEvent, StopEvent):
    """The report of a rebuild: a new version is live, and the old one is kept."""

    collection: str
    """The new collection."""
    previous: str
    """The old collection."""
    files: int
    chunks: int
    embedded: int
    """Chunks that this run embedded; an interrupted one may have left others."""
    gone: list[Path]
    """Files of the old version that no longer exist."""
    lacking: list[Path]
    """Files of the old version that exist and that the new one does not hold."""
    failed: list[FileOutcome]
    seconds: Seconds
    """By stage, summed over what ran in parallel, and `total`, by the clock."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as `alir rebuild --json` prints it."""
        return {
            "collection": self.collection,
            "previous": self.previous,
            "files": self.files,
            "chunks": self.chunks,
            "embedded": self.embedded,
            "gone": [str(path) for path in self.gone],
            "lacking": [str(path) for path in self.lacking],
            "failed": [{"file": str(one.path), "reason": one.reason} for one in self.failed],
            "seconds": {stage: round(s, 4) for stage, s in self.seconds.items()},
        }
