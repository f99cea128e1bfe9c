"""Protocols for what steps need and no LlamaIndex base class describes."""

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from alir.models.collection_version import CollectionAudit, CollectionVersion
from alir.models.differences import StoredChunk
from alir.models.files import FileVersion, RootTarget, StoredSource, StoredVersion
from alir.models.outage import Outage
from alir.models.reading import Cursor, Reading
from alir.models.records import FailedFile, SourceRecord

T = TypeVar("T")


class ReadDocument(Protocol):
    """Reads documents as `alir.documents.formats.read` does, in any process. Blocks."""

    def __call__(
        self, path: Path, at: Cursor | None, *, budget_chars: int, descriptor: int
    ) -> Reading:
        """Return the next part of the document that `descriptor` is open on.

        Args:
            path: its name, which tells the kind of document. Nothing is opened by it.

        Raises:
            UnreadableFile: it cannot be read as a document.
        """
        ...


class ReaderPool(Protocol):
    """Reads documents off the event loop."""

    async def run_job(self, job: Callable[[ReadDocument], T]) -> T:
        """Run `job` there, with a function that reads documents."""
        ...


class ShardLedger(Protocol):
    """What a shard needs of a ledger."""

    async def source_records(self, ids: Collection[str]) -> dict[str, SourceRecord]:
        """Return the records of `ids` by id; unknown ids are left out."""
        ...

    async def record_sources(self, records: Sequence[SourceRecord]) -> None:
        """Write `records`, replacing those of the same sources."""
        ...

    async def next_generation(self, above: int = 0) -> int:
        """Return a fencing token: higher than `above`, and than every one that it returned."""
        ...


class Ledger(ShardLedger, Protocol):
    """The state of files between runs; of the index it is only a hint."""

    async def is_empty(self) -> bool:
        """Return whether there is no record of any source."""
        ...

    def all_sources(self) -> AsyncIterator[SourceRecord]:
        """Yield every record, a page in memory at a time."""
        ...

    async def unsettled_sources(self) -> list[SourceRecord]:
        """Return the records of what was begun and is not settled."""
        ...

    def sources_below(self, roots: Sequence[Path]) -> AsyncIterator[SourceRecord]:
        """Yield the records of the files that `roots` are or hold."""
        ...

    async def replace_sources(self, records: AsyncIterable[SourceRecord]) -> None:
        """Replace all records by `records`. Hold the lock meanwhile."""
        ...

    async def forget_sources(self, ids: Collection[str]) -> None:
        """Delete the records of `ids`."""
        ...

    async def fingerprint(self) -> dict[str, str] | None:
        """Return the noted fingerprint of the collection; None if there is none."""
        ...

    async def set_fingerprint(self, made_with: Mapping[str, str]) -> None:
        """Note the fingerprint of the collection."""
        ...

    async def record_failures(self, reasons: Mapping[Path, str], now_s: float) -> None:
        """Note one more failed attempt at each path."""
        ...

    async def forget_failures(self, paths: Collection[Path]) -> None:
        """Forget the failures of `paths`."""
        ...

    async def failed_files(self) -> list[FailedFile]:
        """Return the failed files, in the order of their paths."""
        ...

    async def run_in_progress(self) -> str:
        """Return which run has the lock, without taking it; empty if none is known."""
        ...

    async def root_targets(self) -> list[RootTarget]:
        """Return what every given path led to: more than one where the index may hold both."""
        ...

    async def record_root_targets(self, targets: Collection[RootTarget]) -> None:
        """Note what given paths lead to, beside what they led to before."""
        ...

    async def settle_root_targets(self, targets: Collection[RootTarget]) -> None:
        """Forget what the given paths of `targets` led to before: the index has none of it."""
        ...

    def lock(self, what: str) -> AbstractAsyncContextManager[None]:
        """Keep other runs off the collection while in this context.

        Raises:
            RunInProgress: another run is on it, in this process or another.
        """
        ...


class ShardCatalog(Protocol):
    """What a shard needs of a catalog."""

    async def live_versions(self, source_ids: Sequence[str]) -> dict[str, StoredSource]:
        """Return the live version of each of `source_ids`; absent ones are left out."""
        ...

    async def existing_chunks(self, chunk_ids: Sequence[str]) -> set[str]:
        """Return those of `chunk_ids` that the index holds, the latest writes included."""
        ...

    async def vectors_by_text(self, text_hashes: Collection[str]) -> dict[str, list[float]]:
        """Return the vectors, (dim,) floats, that the index holds of texts, by their hashes."""
        ...


class Catalog(ShardCatalog, Protocol):
    """Reads which files the index holds, in which versions."""

    @property
    def collection(self) -> str:
        """The collection's name."""
        ...

    def complete_versions(
        self, *, below: Sequence[Path] | None = None, alone: Collection[Path] = ()
    ) -> AsyncIterator[StoredSource]:
        """Yield the complete versions: of a file that was just updated, maybe two.

        Args:
            below: the paths, files or folders, to look below; None looks at the whole index.
            alone: those of `below` below which nothing can be; to look at them is cheap.
        """
        ...

    async def stored_versions(
        self, *, below: Sequence[Path] | None = None, alone: Collection[Path] = ()
    ) -> list[StoredVersion]:
        """Return every version, complete or not, with its rows; reads each row."""
        ...

    def stored_chunks(self, *, below: Sequence[Path] | None = None) -> AsyncIterator[StoredChunk]:
        """Yield every row in the order of the ids: of those with one id, one."""
        ...

    async def surplus_rows(self, counts: Mapping[FileVersion, int]) -> Mapping[FileVersion, int]:
        """Return how many rows more than `counts` the versions have that have more."""
        ...

    async def count_chunks(
        self, *, below: Sequence[Path] | None = None, alone: Collection[Path] = ()
    ) -> int:
        """Return how many chunks the index holds."""
        ...


class Sessions(Protocol):
    """Conversations, by name."""

    async def asked_questions(self, session: str) -> list[str]:
        """Return the questions of `session`, each as it was understood, oldest first."""
        ...

    async def add_turn(self, session: str, question: str, answer: str) -> None:
        """Add a question and its answer to `session`."""
        ...


class CollectionVersions(Protocol):
    """The versions of a collection; an alias points to the live one."""

    @property
    def name(self) -> str:
        """The alias."""
        ...

    async def live_version(self) -> CollectionVersion | None:
        """Return the live version; None if there is none."""
        ...

    async def begin_version(self) -> str:
        """Return the collection to build the next version in; a live one must exist.

        It was begun with the present settings, or does not exist yet. Versions that were begun with
        other settings are dropped.

        Raises:
            NothingToRebuild: the live one was made with the present settings.
        """
        ...

    def catalog_of(self, collection: str) -> Catalog:
        """Return the catalog of a collection, whatever its fingerprint."""
        ...

    async def audit(self, collection: str) -> CollectionAudit:
        """Read a collection row by row, and count."""
        ...

    async def make_live(self, collection: str) -> None:
        """Point the alias to `collection`."""
        ...


class Outages(Protocol):
    """Reports when the store's service is unavailable and calls wait for it."""

    def listen(
        self, paused: Callable[[Outage], None], resumed: Callable[[float], None]
    ) -> AbstractContextManager[None]:
        """Call `paused` at each outage and `resumed` with its seconds, on the running loop."""
        ...
