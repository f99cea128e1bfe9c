"""The values alir passes around: frozen and typed."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.vector_stores.types import MetadataFilters

from alir.fingerprint import Fingerprint
from alir.formats.reading import Cursor, Segment

Outcome = Literal["added", "updated", "moved", "unchanged", "failed"]
Action = Literal["add", "change", "move", "delete", "unchanged", "fail"]
Branch = Literal["dense", "keyword"]


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a file held when it was read, and how to tell without reading that it still does."""

    hash: str
    """SHA-256 of its bytes."""
    size_bytes: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    """The inode's change time."""
    is_old: bool = False
    """Whether it was last written so long before it was read that a write since shows in these."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file to ingest, or the rest of one whose beginning was ingested already."""

    path: Path
    """Absolute."""
    size_bytes: int
    version: str = ""
    """Hash of the path, the content and how it is chunked; empty until compared."""
    content: FileContent | None = None
    """What it held when its version was made; None until compared."""
    generation: int = 0
    """How many versions of this file the index held before this one."""
    moved: bool = False
    """Whether a file with this content is gone from the folder."""
    cursor: Cursor | None = None
    chunks: int = 0
    """Chunks of this version that earlier parts came to."""
    first_chunk: TextNode | None = field(default=None, hash=False, repr=False)
    """The file's head, embedded, from an earlier part; it is written last."""

    @property
    def source_id(self) -> str:
        """The file's id in the index: LlamaIndex's `ref_doc_id` of its chunks."""
        return source_id(self.path)

    @property
    def content_hash(self) -> str:
        """The hash of the file's bytes; empty until compared."""
        return "" if self.content is None else self.content.hash

    @property
    def may_be_held(self) -> bool:
        """Whether the index may hold some of its text already, and so the vectors of it."""
        return self.moved or self.generation > 0


@dataclass(frozen=True, slots=True)
class Outage:
    """A service is gone, and calls wait for it to come back."""

    reason: str
    since: float
    """Seconds since the epoch."""
    waits_s: float
    """Longest wait before the calls fail."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file."""

    path: Path
    outcome: Outcome
    reason: str = ""
    """Why it failed."""
    content_hash: str = ""
    """Of the file's bytes, if it was ingested."""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a run would do to one file."""

    path: Path
    action: Action
    reason: str
    chunks: int = 0
    """Chunks the file comes to; 0 where they need not be known."""
    to_embed: int = 0
    """Of them, those whose vector the index does not hold."""
    moved_from: Path | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A part that could not be loaded, and why."""

    part: FilePart
    reason: str


@dataclass(frozen=True, slots=True)
class LoadedPart:
    """The text of one part of a file, which its repr is without: the engine asks for that."""

    part: FilePart
    segments: list[Segment] = field(repr=False)
    next: Cursor | None
    """Where the file goes on; None where it ends."""


@dataclass(frozen=True, slots=True)
class SplitPart:
    """A loaded part and how many chunks it came to."""

    loaded: LoadedPart
    chunks: int


@dataclass(frozen=True, slots=True)
class Roots:
    """The paths to ingest, absolute, none inside another, and what is below them."""

    paths: tuple[Path, ...]
    files: int
    size_bytes: int
    empty: tuple[Path, ...] = ()
    """Folders, of `paths`, below which there is no file to read."""


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A file the index holds."""

    source_id: str
    path: Path
    version: str
    generation: int = 0
    """Of two complete versions of a file, the one with the higher is live."""
    content_hash: str = ""
    """Of the file's bytes; empty for a version that is not complete."""
    chunks: int = 0
    """0 for a version that is not complete."""


@dataclass(frozen=True, slots=True)
class Index:
    """One of the collections that an index's name means, or has meant."""

    collection: str
    made_with: Fingerprint
    """As far as it is known."""


@dataclass(frozen=True, slots=True)
class Census:
    """A collection, read back row by row."""

    files: frozenset[str]
    """Source ids of those it holds completely."""
    chunks_due: int
    """How many chunks they say they have."""
    chunks: int
    """How many ids were read."""
    rows: int
    """How many rows the store counts."""

    @property
    def is_whole(self) -> bool:
        """Whether no chunk is missing, doubled, or of a file that is not complete."""
        return self.chunks_due == self.chunks == self.rows


@dataclass(frozen=True, slots=True)
class FileVersion:
    """One version of a file, of which the index holds chunks."""

    source_id: str
    version: str
    generation: int


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the passages of both searches become one list: by a weighted sum of their worth.

    A passage is worth `1 / (60 + rank)` by rank (reciprocal rank fusion); by score what its score
    is of the branch's highest; by spread where it lies between the lowest found, 0, and the
    highest, 1. docs/quality.md has the figures that the default was chosen by.
    """

    by: Literal["rank", "score", "spread"] = "rank"
    keyword_weight: float = 0.5
    """From 0, only the search by meaning is made, to 1, only the one by words."""

    def weight(self, branch: Branch) -> float:
        """Return what counts of a branch's worth: the weights' sum is 1."""
        return self.keyword_weight if branch == "keyword" else 1 - self.keyword_weight


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A stretch of a passage's text that an answer rests on."""

    passage: int
    """Index of the passage in the list of passages, from 0."""
    start: int
    """Character offset in the passage's text."""
    end: int


@dataclass(frozen=True, slots=True)
class Citation:
    """A verified quote: `quote` stands at characters `start` to `end` of the document `file`."""

    file: str
    page: int | None
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A sentence of a language model's answer, and how far what it cites bears it out."""

    text: str
    """Without its citations."""
    citations: tuple[int, ...]
    """The numbers of those that hold; none if it cites nothing, or nothing that holds."""
    support: float
    """0 to 1: see `alir.steps.support`."""
    is_supported: bool


@dataclass(frozen=True, slots=True)
class SourcePassage:
    """A passage an answer could rest on."""

    file: str
    page: int | None
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What the agent may spend on one question; None is no limit."""

    seconds: float | None = None
    calls: int | None = None
    """Searches, calls of the language model and of tools, together."""
    tokens: int | None = None
    """Of the language model: what it is sent and what it replies, by LlamaIndex's tokenizer."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question that the agent is at."""

    question: str
    session: str | None
    """The conversation that it belongs to."""
    top_k: int | None
    budget: Budget
    started: float
    """Clock reading, in seconds, when it came."""
    filters: MetadataFilters | None = None


@dataclass(frozen=True, slots=True)
class SubQuestion:
    """A part of a question, and how far the search for it has come."""

    number: int
    """From 1, in the order of the question."""
    question: str
    query: str
    """What it is searched with: the question itself at first."""
    tried: tuple[str, ...] = ()
    """The queries before this one."""
    passages: tuple[NodeWithScore, ...] = ()
    """The best of each search, as many as one search finds."""
    grade: float = 0.0
    """Of the best search, 0 to 1.5: see `alir.steps.grade`."""


@dataclass(frozen=True, slots=True)
class AnsweredPart:
    """A part of a question, as an answer tells of it."""

    question: str
    queries: list[str]
    """What it was searched with, one after the other."""
    grade: float
    """Of the best passages found: see `alir.steps.grade`."""
    is_found: bool
    """Whether they were good enough not to search again."""


def source_id(path: Path) -> str:
    """Return the id of the document at `path` (absolute): 32 hexadecimal digits."""
    return digest(str(path))


def chunk_id(source: str, version: str, position: int) -> str:
    """Return the id of a chunk: the same source, version and position give the same id."""
    return digest(source, version, str(position))


def head_id(source: str, generation: int) -> str:
    """Return the id of the first chunk of a source's version: whoever knows a chunk finds it."""
    return digest(source, "head", str(generation))


def digest(*parts: str) -> str:
    """Return 32 hexadecimal digits that stand for `parts`."""
    joined = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(joined, digest_size=16).hexdigest()
