"""The events of `IngestCorpus` and `IngestShard`."""

from pathlib import Path
from typing import Any

from llama_index.core.schema import TextNode
from pydantic import Field
from workflows.events import StartEvent, StopEvent

from alir.events.base import Seconds, StrictEvent, rounded
from alir.models.files import (
    Failure,
    FileOutcome,
    FilePart,
    LoadedPart,
    Roots,
    SplitPart,
)


class Ingest(StrictEvent, StartEvent):
    """Make the index mirror these files and folders."""

    paths: list[str | Path]
    delete_many: bool = False
    """Whether more than half of the files held may be deleted."""
    rehash: bool = False
    """Whether files are read that have the size and times that they had."""
    follow_links: bool = True
    """Whether a path may be a link, or lead through one."""


class PathsSurveyed(StrictEvent):
    """The paths exist, and the files below them are counted."""

    roots: Roots
    started: float
    """Clock reading, in seconds, when the run began."""
    delete_many: bool = False
    rehash: bool = False


class LedgerRelearned(StrictEvent):
    """Streamed: the ledger was empty, and was made again from the index."""

    files: int


class FilesIngested(StrictEvent):
    """Every file below the roots is settled."""

    survey: PathsSurveyed
    counts: dict[str, int]
    """Outcome to number of files."""
    failed: list[FileOutcome]
    moved: frozenset[str]
    """Content hashes of the files that were moved."""
    mended: list[FileOutcome]
    embedded: int
    reused: int
    chunks_written: int
    seconds: Seconds


class IngestProgress(StrictEvent):
    """Streamed: how far the run has come."""

    files_done: int
    files: int
    chunks_written: int
    failed: list[FileOutcome] = Field(default_factory=list)
    """Files that failed since the last progress."""


class IngestPaused(StrictEvent):
    """Streamed: Milvus is unavailable, and the run waits for it."""

    reason: str
    since: float
    """Seconds since the epoch."""
    waits_s: float
    """Longest wait before the run stops."""


class IngestTurn(StrictEvent):
    """Streamed: other ingestions of this program go first, or this one goes on."""

    is_waiting: bool


class IngestResumed(StrictEvent):
    """Streamed: Milvus is available again, and the run continues."""

    after_s: float


class IngestReport(StrictEvent, StopEvent):
    """The report of a run. The index now holds exactly the files below the paths."""

    files: int
    """Files below the paths."""
    chunks: int
    """Chunks the collection now holds."""
    added: int
    updated: int
    moved: int
    deleted: int
    unchanged: int
    failed: list[FileOutcome]
    mended: list[FileOutcome] = Field(default_factory=list)
    """Files of which the index lacked chunks; they are ingested again, or among the failed."""
    embedded: int
    """Chunks that the model embedded."""
    reused: int
    """Chunks that got the vector which the index held for their text."""
    seconds: Seconds
    """By stage, summed over what ran in parallel, and `total`, by the clock."""

    @property
    def bottleneck(self) -> str:
        """The stage that took longest."""
        stages = {stage: s for stage, s in self.seconds.items() if stage != "total"}
        return max(stages, key=stages.__getitem__, default="")

    def to_json(self) -> dict[str, Any]:
        """Return the report as `alir ingest --json` prints it."""
        return {
            "files": self.files,
            "chunks": self.chunks,
            "added": self.added,
            "updated": self.updated,
            "moved": self.moved,
            "deleted": self.deleted,
            "unchanged": self.unchanged,
            "failed": [{"file": str(one.path), "reason": one.reason} for one in self.failed],
            "mended": [{"file": str(one.path), "reason": one.reason} for one in self.mended],
            "embedded": self.embedded,
            "reused": self.reused,
            "seconds": rounded(self.seconds),
        }


class IngestFiles(StrictEvent, StartEvent):
    """Ingest a bounded group of files, or a part of a large one."""

    parts: list[FilePart]
    gone: frozenset[str] = frozenset()
    """Content hashes of files that the index holds and the folder lost."""
    damaged: frozenset[str] = frozenset()
    """Source ids of files of which the index lacks chunks."""
    rehash: bool = False
    """Whether files are read that have the size and times that they had."""


class FilesCompared(StrictEvent):
    """The parts that changed, and the outcomes of the files that did not."""

    changed: list[FilePart]
    settled: list[FileOutcome]
    seconds: float


class DocumentsLoaded(StrictEvent):
    """The parts' text was read, as far as the shard's budget went."""

    loaded: list[LoadedPart]
    untouched: list[FilePart]
    failures: list[Failure]
    settled: list[FileOutcome]
    seconds: Seconds


class ChunksSplit(StrictEvent):
    """A batch of chunks, ready to embed."""

    chunks: list[TextNode]
    may_be_held: frozenset[str]
    """Source ids of files of which the index may hold some text already."""


class ChunksEmbedded(StrictEvent):
    """The batch has its vectors."""

    chunks: list[TextNode]
    embedded: dict[str, int]
    """Source id to chunks that the model embedded; the others got a vector of the index."""
    seconds: float


class ChunksAdded(StrictEvent):
    """The batch is in the store, except the files' first chunks."""

    written: dict[str, str]
    """Chunk id to source id."""
    chunks: dict[str, int]
    """Source id to chunks of the batch."""
    embedded: dict[str, int]
    """Source id to chunks that the model embedded; the others got a vector of the index."""
    first_chunks: list[TextNode]
    refused: dict[str, str]
    seconds: Seconds


class ShardSplit(StrictEvent):
    """The parts of the shard, sent beside its batches for the step that collects them."""

    parts: list[SplitPart]
    untouched: list[FilePart]
    failures: list[Failure]
    settled: list[FileOutcome]
    seconds: Seconds


class ChunksVerified(StrictEvent):
    """The acknowledged chunks were read back; `refused` names the files that lack one."""

    shard: ShardSplit
    first_chunks: list[TextNode]
    refused: dict[str, str]
    embedded: int
    reused: int
    seconds: Seconds


class ShardIngested(StrictEvent, StopEvent):
    """The shard is done; `remaining` is for another one."""

    outcomes: list[FileOutcome]
    remaining: list[FilePart] = Field(default_factory=list)
    written: int = 0
    embedded: int = 0
    reused: int = 0
    seconds: Seconds = Field(default_factory=dict)
