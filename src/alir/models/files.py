"""Files on their way into the index, and the ids of their chunks."""

import hashlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from llama_index.core.schema import TextNode

from alir.models.reading import Cursor, Segment

Outcome = Literal["added", "updated", "moved", "unchanged", "failed"]


Action = Literal["add", "change", "move", "delete", "unchanged", "fail"]


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Limits on one file; 0 is no limit."""

    size_mib: int = 1024
    chunks: int = 500_000

    def too_large(self, size_bytes: int) -> str:
        """Return the reason for a file of this size; empty if it is not too large."""
        if not self.size_mib or size_bytes <= self.size_mib << 20:
            return ""
        size = f"{-(-size_bytes >> 20):,} MiB, more than the {self.size_mib:,} MiB"
        return f"is {size} that alir reads of a file; split it, or raise ALIR_MAX_FILE_MIB"

    def too_many(self, chunks: int) -> str:
        """Return the reason for a file of which so many chunks are made and some are to come."""
        if not self.chunks or chunks < self.chunks:
            return ""
        most = f"more than the {self.chunks:,} chunks that alir makes of a file"
        return f"makes {most}; split it, or raise ALIR_MAX_FILE_CHUNKS"


@dataclass(frozen=True, slots=True)
class FileContent:
    """The content of a file when it was read, and the size and times that show a change."""

    hash: str = ""
    """SHA-256 of its bytes; empty until it is compared."""
    size_bytes: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    """The inode's change time."""
    is_old: bool = False
    """Whether it was written long enough before it was read that the times show a later write."""
    is_known: bool = field(default=False, compare=False)
    """Whether the file was not read, as its size and times are the ledger's."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file to ingest, or the rest of a file that earlier shards began."""

    path: Path
    """Absolute."""
    size_bytes: int
    version: str = ""
    """Hash of the path, the content and how it is chunked; empty until compared."""
    content: FileContent = FileContent()
    """Its content when the version was made."""
    generation: int = 0
    """The fencing token: a later one wins. It was drawn before the text was read; 0 until then."""
    is_held: bool = False
    """Whether the index may hold another version of this file."""
    moved: bool = False
    """Whether a file with this content is gone from the folder."""
    reason: str = ""
    """Why it is ingested; empty until compared."""
    cursor: Cursor | None = None
    chunks: int = 0
    """Chunks of the earlier parts of this version; of all where it has ended."""
    first_chunk: TextNode | None = field(default=None, hash=False, repr=False)
    """The file's head, embedded, from an earlier part; it is written last."""
    source_id: str = field(init=False, compare=False)
    """The file's id in the index, LlamaIndex's `ref_doc_id` of its chunks; made from the path."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "source_id", source_id(self.path))


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """The outcome of one file."""

    path: Path
    outcome: Outcome
    reason: str = ""
    """The reason for it."""
    content_hash: str = ""
    """SHA-256 of the file's bytes, if it was ingested."""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a run would do to one file."""

    path: Path
    action: Action
    reason: str
    chunks: int = 0
    """Chunks of the file; 0 where the plan need not know."""
    to_embed: int = 0
    """Chunks that the model would embed."""
    moved_from: Path | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A part that could not be loaded, with the reason."""

    part: FilePart
    reason: str


@dataclass(frozen=True, slots=True)
class LoadedPart:
    """The text of a part of a file. Its repr leaves the text out: the engine logs it."""

    part: FilePart
    segments: list[Segment] = field(repr=False)
    next: Cursor | None
    """Where the next part begins; None at the end of the file."""


@dataclass(frozen=True, slots=True)
class SplitPart:
    """A loaded part with the number of its chunks."""

    loaded: LoadedPart
    chunks: int

    @property
    def is_last(self) -> bool:
        """Whether the file ends with it."""
        return self.loaded.next is None

    @property
    def with_chunks(self) -> FilePart:
        """The part, with the chunks of the version up to its end."""
        part = self.loaded.part
        return replace(part, chunks=part.chunks + self.chunks)


@dataclass(frozen=True, slots=True)
class RootTarget:
    """A path as it was given, absolute, and the real path that it led to then."""

    given: Path
    real: Path


@dataclass(frozen=True, slots=True)
class EarlierRoots:
    """What the given paths led to at earlier runs, and lead to no longer."""

    paths: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()
    """What other given paths hold of it."""

    def holds(self, path: Path) -> bool:
        """Return whether a file at `path` went with an earlier root."""
        return any(map(path.is_relative_to, self.paths)) and not any(
            map(path.is_relative_to, self.kept)
        )


@dataclass(frozen=True, slots=True)
class Roots:
    """The paths to ingest, absolute, none inside another, with the files below them."""

    paths: tuple[Path, ...]
    files: int
    size_bytes: int
    empty: tuple[Path, ...] = ()
    """The folders of `paths` without any file to read below them."""
    targets: tuple[RootTarget, ...] = ()
    """What each given folder or link led to; empty where links are not followed."""
    earlier: EarlierRoots = EarlierRoots()
    """Files below it are gone, wherever they may still lie."""


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A version of a file that the index holds."""

    source_id: str
    path: Path
    version: str
    generation: int = 0
    """The fencing token: of two complete versions of a file, the one with the higher is live."""
    content_hash: str = ""
    """Of the file's bytes; empty for a version that is not complete."""
    chunks: int = 0
    """0 for a version that is not complete."""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version of a file, with the rows that the index holds of it."""

    source: StoredSource
    chunks: int
    """Chunks that are there."""
    surplus: int = 0
    """Rows with the id of another row."""

    @property
    def is_whole(self) -> bool:
        """Whether it is complete and each of its chunks is there once."""
        return self.source.chunks == self.chunks and not self.surplus

    @property
    def problem(self) -> str:
        """What is wrong with a complete version that is not whole."""
        twice = f", and {self.surplus} once more" if self.surplus else ""
        return f"the index holds {self.chunks} of its {self.source.chunks} chunks{twice}"


@dataclass(frozen=True, slots=True)
class FileVersion:
    """Identifies one version of a file."""

    source_id: str
    version: str
    generation: int


def source_id(path: Path) -> str:
    """Return the id of the document at `path` (absolute): 32 hexadecimal digits."""
    return digest(str(path))


def chunk_id(source: str, version: str, generation: int, position: int) -> str:
    """Return the id of a chunk. Two writers have other generations, so they share no row."""
    return digest(source, version, str(generation), str(position))


def head_id(source: str, generation: int) -> str:
    """Return the id of the first chunk of a version, from what each of its chunks knows."""
    return digest(source, "head", str(generation))


def generation_after(*others: int) -> int:
    """Return a fencing token above `others`: the time in microseconds, or more.

    The clock matters only where the sequence was lost with its ledger.
    """
    return max([time.time_ns() // 1000, *(one + 1 for one in others)])


def digest(*parts: str) -> str:
    """Return a hash of `parts`: 32 hexadecimal digits."""
    joined = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(joined, digest_size=16).hexdigest()
