"""The events of alir's workflows.

Start events are commands, stop events are nouns, everything between is a past-tense fact. Every
field is declared, and an unknown one is refused (the engine's own events accept anything).
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.vector_stores.types import MetadataFilters
from pydantic import Field
from workflows.events import StartEvent, StopEvent

from alir.models import (
    Branch,
    CheckedSentence,
    Citation,
    Failure,
    FileOutcome,
    FilePart,
    FileVersion,
    Fusion,
    LoadedPart,
    Roots,
    SourcePassage,
    SplitPart,
)
from alir.strict_event import StrictEvent as _Strict

Seconds = dict[str, float]
"""Seconds spent, by step."""


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


# Ask


class Ask(_Strict, StartEvent):
    """Answer a question from the indexed documents."""

    question: str
    top_k: int | None = None
    """Passages to answer from; None is the setting's."""
    filters: MetadataFilters | None = None
    """What passages it may be answered from; `alir.below` makes those of files and folders."""


class SearchPlanned(_Strict):
    """A question is to be searched."""

    question: str
    top_k: int
    started: float
    """Clock reading, in seconds, when the question came."""
    fusion: Fusion
    is_reranked: bool
    filters: MetadataFilters | None = None
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
    branch: Branch
    passages: list[NodeWithScore]
    failure: str | None = None
    seconds: Seconds


class PassagesFused(_Strict):
    """The branches' passages as one list, best first: more than are asked for, to be reranked."""

    plan: SearchPlanned
    passages: list[NodeWithScore]
    degraded: list[str]
    seconds: Seconds


class PassagesRanked(_Strict):
    """As many passages as are asked for, best first."""

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


class SentenceChecked(_Strict):
    """Streamed behind a language model's sentence: whether what it cites bears it out."""

    sentence: CheckedSentence


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
    sentences: list[CheckedSentence] = Field(default_factory=list)
    """What a language model claimed, in order; one that is not supported is marked in the text."""
    seconds: Seconds

    @property
    def unsupported(self) -> list[str]:
        """The sentences that what they cite does not bear out, or that cite nothing."""
        return [sentence.text for sentence in self.sentences if not sentence.is_supported]

    def to_json(self) -> dict[str, Any]:
        """Return the answer as `alir ask --json` prints it."""
        return {
            "text": self.text,
            "mode": self.mode,
            "citations": [asdict(citation) for citation in self.citations],
            "sources": [asdict(source) for source in self.sources],
            "sentences": [asdict(sentence) for sentence in self.sentences],
            "degraded": self.degraded,
            "seconds": _rounded(self.seconds),
        }


def _rounded(seconds: Seconds) -> Seconds:
    return {step: round(value, 4) for step, value in seconds.items()}
