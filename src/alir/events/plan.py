"""The events of a plan, and of a watch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workflows.events import StartEvent, StopEvent

from alir.events.base import StrictEvent
from alir.events.ingest import PathsSurveyed
from alir.models.files import FilePlan, StoredSource


class Plan(StrictEvent, StartEvent):
    """Plan a run over these files and folders, and change nothing."""

    paths: list[str | Path]
    delete_many: bool = False
    """Whether that run may delete more than half of the files held."""
    rehash: bool = False
    """Whether that run reads files that have the size and times that they had."""


class IndexSeen(StrictEvent):
    """The index was read: what it holds of the paths, and which of these files are gone."""

    survey: PathsSurveyed
    gone: list[StoredSource]
    files_held: int
    """Files that the index holds of the paths."""
    superseded: int


class FilesPlanned(StrictEvent):
    """Streamed: what a run would do to these files."""

    planned: list[FilePlan]
    files_done: int
    """Files planned so far, these included."""
    files: int
    to_embed: int
    """Chunks that would be embedded, so far."""


class IngestPlan(StrictEvent, StopEvent):
    """What a run would do now. The plan wrote nothing, and kept no run from writing."""

    files: int
    """Files below the paths."""
    actions: dict[str, int]
    """Action to number of files."""
    chunks: int
    """Chunks of the files to add, change and move."""
    to_embed: int
    """Chunks that the model would embed, at most: a run may find some among its own."""
    embedding_calls: int
    """Calls of the embedding model, at most: each batch of a shard's chunks is a call, or more
    where the model takes fewer texts at once."""
    superseded: int
    """Old versions that a killed run left, which would be deleted."""
    refusal: str
    """Why the run would not delete, and which option lets it; empty if it would."""
    seconds: float

    def to_json(self, files: Sequence[FilePlan]) -> dict[str, Any]:
        """Return the plan as `alir sync --dry-run --json` prints it."""
        return {
            "files": self.files,
            **self.actions,
            "chunks": self.chunks,
            "to_embed": self.to_embed,
            "embedding_calls": self.embedding_calls,
            "superseded": self.superseded,
            "refusal": self.refusal,
            "seconds": round(self.seconds, 4),
            "plan": [_planned(one) for one in files],
        }


def _planned(one: FilePlan) -> dict[str, Any]:
    moved_from = {"moved_from": str(one.moved_from)} if one.moved_from else {}
    return {
        "file": str(one.path),
        "action": one.action,
        "reason": one.reason,
        "chunks": one.chunks,
        "to_embed": one.to_embed,
        **moved_from,
    }


class WatchPaused(StrictEvent):
    """A sync failed; another one follows."""

    reason: str
    waits_s: float | None
    """Seconds until then; None: at the next change below the paths."""
