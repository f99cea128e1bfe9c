"""The events of `RebuildCorpus`; the rest of alir's events are in `alir.events`."""

from pathlib import Path
from typing import Any

from pydantic import Field
from workflows.events import StartEvent, StopEvent

from alir.events.base import Seconds, StrictEvent
from alir.models.files import FileOutcome, Roots


class Rebuild(StrictEvent, StartEvent):
    """Build a new index beside the present one, and have it take that one's place."""

    paths: list[str | Path] = Field(default_factory=list)
    """Files and folders to index; none are the files that the present index holds."""
    switch_anyway: bool = False
    """Whether it may take its place without files that the present one holds."""


class OldIndexSurveyed(StrictEvent):
    """This is to be indexed anew."""

    collection: str
    """The present index's own name."""
    roots: Roots
    gone: list[Path]
    """Files that it holds and that are not there any more."""
    started: float
    """Clock reading, in seconds, when the run began."""
    switch_anyway: bool


class NewIndexBuilt(StrictEvent):
    """Every file that can be read is in the new index."""

    old: OldIndexSurveyed
    collection: str
    failed: list[FileOutcome]
    embedded: int
    seconds: Seconds


class NewIndexVerified(StrictEvent):
    """The new index was read back, and lacks nothing."""

    built: NewIndexBuilt
    files: int
    chunks: int
    lacking: list[Path]
    """Files that the present index holds and this one does not, which was allowed."""


class RebuildReport(StrictEvent, StopEvent):
    """What a rebuild did: the index is another collection now, and the old one is kept."""

    collection: str
    """The new index's own name."""
    previous: str
    """The old one's."""
    files: int
    chunks: int
    embedded: int
    """Chunks whose vector was computed by this run; others were there when it went on."""
    gone: list[Path]
    """Files of the old index that are not there any more."""
    lacking: list[Path]
    """Files of the old index, still there, that the new one does not hold."""
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
