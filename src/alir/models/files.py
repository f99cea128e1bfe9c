"""Files as they are ingested, and the ids of what the index holds of them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from llama_index.core.schema import TextNode

from alir.models.reading import Cursor, Segment

Outcome = Literal["added", "updated", "moved", "unchanged", "failed"]


Action = Literal["add", "change", "move", "delete", "unchanged", "fail"]


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a file held when it was read, and how to tell without reading that it still does."""

    hash: str = ""
    """SHA-256 of its bytes; empty until it is compared."""
    size_bytes: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    """The inode's change time."""
    is_old: bool = False
    """Whether it was last written so long before it was read that a write since shows in these."""
    is_known: bool = field(default=False, compare=False)
    """Whether the file was not read, as its size and times are the ledger's."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file to ingest, or the rest of one whose beginning was ingested already."""

    path: Path
    """Absolute."""
    size_bytes: int
    version: str = ""
    """Hash of the path, the content and how it is chunked; empty until compared."""
    content: FileContent = FileContent()
    """What it held when its version was made."""
    generation: int = 0
    """How many versions of this file the index held before this one."""
    moved: bool = False
    """Whether a file with this content is gone from the folder."""
    reason: str = ""
    """Why it is ingested; empty until compared."""
    cursor: Cursor | None = None
    chunks: int = 0
    """Chunks of this version that earlier parts came to."""
    first_chunk: TextNode | None = field(default=None, hash=False, repr=False)
    """The file's head, embedded, from an earlier part; it is written last."""
    source_id: str = field(init=False, compare=False)
    """The file's id in the index, LlamaIndex's `ref_doc_id` of its chunks; made from the path."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "source_id", source_id(self.path))


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file."""

    path: Path
    outcome: Outcome
    reason: str = ""
    """Why this became of it."""
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
class FileVersion:
    """One version of a file, of which the index holds chunks."""

    source_id: str
    version: str
    generation: int


def source_id(path: Path) -> str:
    """Return the id of the document at `path` (absolute): 32 hexadecimal digits."""
    return digest(str(path))


def chunk_id(source: str, version: str, position: int) -> str:
    """Return the id of a chunk: the same source, version and position give the same id."""
    return digest(source, version, str(position))


def head_id(source: str, generation: int) -> str:
    """Return the id of the first chunk of a source's version: whoever knows a chunk finds it."""
    return digest(source, "head", str(generation))


def head_ids(versions: Iterable[FileVersion]) -> dict[FileVersion, tuple[str, str]]:
    """Return the id of each version's head, and of the head of the version that follows it."""
    return {
        one: (head_id(one.source_id, one.generation), head_id(one.source_id, one.generation + 1))
        for one in versions
    }


def digest(*parts: str) -> str:
    """Return 32 hexadecimal digits that stand for `parts`."""
    joined = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(joined, digest_size=16).hexdigest()
