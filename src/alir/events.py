"""The events of alir's workflows.

Start events are commands, stop events are nouns, everything between is a past-tense fact. Every
field is declared, and an unknown one is refused (the engine's own events accept anything).
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Literal

from llama_index.core.schema import NodeWithScore, TextNode
from pydantic import Field
from workflows.events import Event, StartEvent, StopEvent

from alir.models import (
    Citation,
    Failure,
    FileOutcome,
    FilePart,
    FilePlan,
    FileVersion,
    LoadedPart,
    Roots,
    SourcePassage,
    SplitPart,
    StoredSource,
)

Seconds = dict[str, float]
"""Seconds spent, by step."""


class _Strict(Event):
    _fields: ClassVar[frozenset[str]]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._fields = frozenset(cls.model_fields)

    def __init__(self, **params: Any) -> None:
        unknown = params.keys() - self._fields - {"_data"}
        if unknown:
            fields = ", ".join(type(self).model_fields) or "none"
            raise TypeError(
                f"{type(self).__name__} has no field {', '.join(sorted(unknown))}; it has {fields}"
            )
        super().__init__(**params)

    def __repr__(self) -> str:
        """Name the event and its values, of many only how many: the engine asks at each step."""
        shown = (f"{name}={_short(getattr(self, name))}" for name in type(self).model_fields)
        return f"{type(self).__name__}({', '.join(shown)})"


def _short(value: object) -> str:
    if isinstance(value, list) and value:
        return f"[{len(value)} items]"
    return repr(value)


# Ingest: IngestCorpus


class Ingest(_Strict, StartEvent):
    """Make the index mirror these files and folders."""

    paths: list[str | Path]
    delete_many: bool = False
    """Whether more than half of the files held may be deleted."""


class PathsSurveyed(_Strict):
    """The paths exist; so many files are below them."""

    roots: Roots
    started: float
    """Clock reading, in seconds, when the run began."""
    delete_many: bool = False


class IndexRecovered(_Strict):
    """What an earlier run that died left undone below the roots is done."""

    roots: Roots
    delete_many: bool = False
    gone: frozenset[str]
    """Content hashes of the files held that are gone from there."""
    started: float


class LedgerRelearned(_Strict):
    """Streamed: the ledger knew nothing of what the index holds, and was made again from it."""

    files: int


class FilesIngested(_Strict):
    """Every file below the roots is settled."""

    roots: Roots
    counts: dict[str, int]
    """Outcome to number of files."""
    failed: list[FileOutcome]
    moved: frozenset[str]
    """Content hashes of the files that were moved."""
    embedded: int
    reused: int
    chunks_written: int
    seconds: Seconds
    started: float
    delete_many: bool = False


class IngestProgress(_Strict):
    """Streamed: how far the run has come."""

    files_done: int
    files: int
    chunks_written: int
    failed: list[FileOutcome] = Field(default_factory=list)
    """Files that failed since the last progress."""


class IngestPaused(_Strict):
    """Streamed: Milvus is gone, and the run waits for it to come back."""

    reason: str
    since: float
    """Seconds since the epoch."""
    waits_s: float
    """Longest wait before the run stops."""


class IngestResumed(_Strict):
    """Streamed: Milvus is back, and the run goes on."""

    after_s: float


class IngestReport(_Strict, StopEvent):
    """What a run did. After it, the index holds exactly the files below the paths."""

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
    embedded: int
    """Chunks whose vector was computed."""
    reused: int
    """Chunks whose text the index held already, with its vector."""
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
            "embedded": self.embedded,
            "reused": self.reused,
            "seconds": _rounded(self.seconds),
        }


# Ingest: IngestShard


class IngestFiles(_Strict, StartEvent):
    """Ingest a bounded group of files, or a part of a large one."""

    parts: list[FilePart]
    gone: frozenset[str] = frozenset()
    """Content hashes of the files held that are gone from the folder."""


class FilesCompared(_Strict):
    """These parts are not in the index; those outcomes are settled already."""

    changed: list[FilePart]
    settled: list[FileOutcome]
    seconds: float


class DocumentsLoaded(_Strict):
    """The parts' text was read, as far as the shard's budget went."""

    loaded: list[LoadedPart]
    untouched: list[FilePart]
    failures: list[Failure]
    settled: list[FileOutcome]
    seconds: Seconds


class ChunksSplit(_Strict):
    """A batch of chunks, ready to embed."""

    chunks: list[TextNode]
    may_be_held: frozenset[str]
    """Source ids of files of which the index may hold some text already."""


class ChunksEmbedded(_Strict):
    """The batch has its vectors."""

    chunks: list[TextNode]
    reused: int
    """Of them, those whose vector the index held."""
    seconds: float


class ChunksAdded(_Strict):
    """The batch is in the store, except the files' first chunks."""

    written: dict[str, str]
    """Chunk id to source id."""
    embedded: int
    reused: int
    first_chunks: list[TextNode]
    refused: dict[str, str]
    seconds: Seconds


class ShardSplit(_Strict):
    """What the shard consists of: sent beside its batches, for the step that collects them."""

    parts: list[SplitPart]
    untouched: list[FilePart]
    failures: list[Failure]
    settled: list[FileOutcome]
    seconds: Seconds


class ChunksVerified(_Strict):
    """All that was acknowledged was looked for; `refused` says which files lack a chunk."""

    shard: ShardSplit
    first_chunks: list[TextNode]
    refused: dict[str, str]
    embedded: int
    reused: int
    seconds: Seconds


class ShardIngested(_Strict, StopEvent):
    """The shard is done; `remaining` is for another one."""

    outcomes: list[FileOutcome]
    remaining: list[FilePart]
    written: int
    embedded: int
    reused: int
    seconds: Seconds


# Plan


class Plan(_Strict, StartEvent):
    """Say what a run over these files and folders would do, and do nothing."""

    paths: list[str | Path]
    delete_many: bool = False
    """Whether that run may delete more than half of the files held."""


class IndexSeen(_Strict):
    """What the index holds of the paths, and what of that is gone from there."""

    roots: Roots
    gone: list[StoredSource]
    files_held: int
    """Files that the index holds, of these paths and others."""
    superseded: int
    started: float
    delete_many: bool = False


class FilesPlanned(_Strict):
    """Streamed: what a run would do to these files."""

    planned: list[FilePlan]
    files_done: int
    """Files planned so far, these included."""
    files: int
    to_embed: int
    """Chunks that would be embedded, so far."""


class IngestPlan(_Strict, StopEvent):
    """What a run would do now. It wrote nothing, and no run was kept from writing meanwhile."""

    files: int
    """Files below the paths."""
    actions: dict[str, int]
    """Action to number of files."""
    chunks: int
    """Chunks of the files to add, change and move."""
    to_embed: int
    """Chunks whose vector would be computed, at most: a run may find some among its own."""
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


# Watch


class WatchPaused(_Strict):
    """A sync did not get through; there will be another."""

    reason: str
    waits_s: float | None
    """Seconds until then; None: at the next change below the paths."""


# Ask


class Ask(_Strict, StartEvent):
    """Answer a question from the indexed documents."""

    question: str
    top_k: int | None = None
    """Passages to answer from; None is the setting's."""


class SearchPlanned(_Strict):
    """A question is to be searched."""

    question: str
    top_k: int
    started: float
    """Clock reading, in seconds, when the question came."""
    excluded: list[FileVersion] = Field(default_factory=list)
    """Versions that an earlier search found and that are not live."""
    searches: int = 1
    """This one included."""


class DenseSearchPlanned(SearchPlanned):
    """The question is to be searched by meaning."""


class KeywordSearchPlanned(SearchPlanned):
    """The question is to be searched by its words."""


class PassagesRetrieved(_Strict):
    """One branch's passages, best first, or why it failed."""

    plan: SearchPlanned
    branch: Literal["dense", "keyword"]
    passages: list[NodeWithScore]
    failure: str | None = None
    seconds: Seconds


class PassagesFused(_Strict):
    """The branches' passages as one list, best first."""

    plan: SearchPlanned
    passages: list[NodeWithScore]
    degraded: list[str]
    seconds: Seconds


class PassagesRead(_Strict):
    """The passages are from the versions that the index holds, and these are their texts in it."""

    plan: SearchPlanned
    passages: list[NodeWithScore]
    texts: dict[str, str]
    degraded: list[str]
    seconds: Seconds


class VersionsMoved(_Strict):
    """Files were brought up to date meanwhile: these versions are not live yet, or no more."""

    plan: SearchPlanned
    stale: list[FileVersion]


class NothingFound(_Strict):
    """No branch found a passage."""

    plan: SearchPlanned
    degraded: list[str]
    seconds: Seconds


class Sources(_Strict):
    """Streamed: the passages the answer will be made from, best first."""

    sources: list[SourcePassage]


class Token(_Strict):
    """Streamed: the next piece of the answer's text, its citations verified."""

    text: str


class Answer(_Strict, StopEvent):
    """An answer, and the verified quotes it rests on: `[n]` in the text is `citations[n - 1]`."""

    text: str
    mode: Literal["extractive", "llm"]
    """Whether a language model wrote the text, or it is sentences of the documents, verbatim."""
    citations: list[Citation]
    sources: list[SourcePassage]
    """Best first."""
    degraded: list[str]
    """What did not work as it should, one sentence each."""
    removed_citations: int = 0
    """Citations the language model made that did not hold."""
    seconds: Seconds

    def to_json(self) -> dict[str, Any]:
        """Return the answer as `alir ask --json` prints it."""
        return {
            "text": self.text,
            "mode": self.mode,
            "citations": [asdict(citation) for citation in self.citations],
            "sources": [asdict(source) for source in self.sources],
            "degraded": self.degraded,
            "seconds": _rounded(self.seconds),
        }


def _rounded(seconds: Seconds) -> Seconds:
    return {step: round(value, 4) for step, value in seconds.items()}
