"""What the steps need that no LlamaIndex base class describes."""

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from alir.errors import UnreadableFile
from alir.models.collection_version import CollectionAudit, CollectionVersion
from alir.models.files import StoredSource
from alir.models.outage import Outage
from alir.models.reading import DocumentPosition, Reading
from alir.models.records import FailedFile, SourceRecord

T = TypeVar("T")


class ReadGroup(Protocol):
    """Reads documents as `alir.documents.formats.read_group` does, in any process. Blocks."""

    def __call__(
        self, places: Sequence[DocumentPosition], *, budget_chars: int
    ) -> Iterable[Reading | UnreadableFile]:
        """Return what is at `places`, in order, or why it cannot be read, until the budget ends."""
        ...


class ReaderPool(Protocol):
    """Where documents are read, off the event loop."""

    async def run_job(self, job: Callable[[ReadGroup], T]) -> T:
        """Do `job` there, with a way to read documents."""
        ...


class ShardLedger(Protocol):
    """What a shard needs of a ledger."""

    async def source_records(self, ids: Collection[str]) -> dict[str, SourceRecord]:
        """Return what is known of each of `ids`; unknown ones are left out."""
        ...

    async def record_sources(self, records: Sequence[SourceRecord]) -> None:
        """Write `records`, in place of those of the same sources."""
        ...


class Ledger(ShardLedger, Protocol):
    """What is remembered of files between runs; what it says of the index is only a hint."""

    async def is_empty(self) -> bool:
        """Return whether nothing is known of any source."""
        ...

    async def replace_sources(self, records: AsyncIterable[SourceRecord]) -> None:
        """Have `records` be all there is; nobody else records meanwhile: hold the lock."""
        ...

    async def forget_sources(self, ids: Collection[str]) -> None:
        """Delete what is known of `ids`."""
        ...

    async def fingerprint(self) -> dict[str, str] | None:
        """Return what was noted of what the collection is made with; None if nothing was."""
        ...

    async def set_fingerprint(self, made_with: Mapping[str, str]) -> None:
        """Note what the collection is made with."""
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

    def lock(self, what: str) -> AbstractAsyncContextManager[None]:
        """Keep other runs off the collection while in this context.

        Raises:
            RunInProgress: another run is on it, in this process or another.
        """
        ...


class ShardCatalog(Protocol):
    """What a shard needs of a catalog."""

    async def live_versions(self, source_ids: Sequence[str]) -> dict[str, StoredSource]:
        """Return the version held of each of `source_ids`; absent ones are left out."""
        ...

    async def existing_chunks(self, chunk_ids: Sequence[str]) -> set[str]:
        """Return those of `chunk_ids` that the index holds, whoever wrote them a moment ago."""
        ...

    async def vectors_by_text(self, text_hashes: Collection[str]) -> dict[str, list[float]]:
        """Return the vectors, (dim,) floats, of the texts held of `text_hashes`."""
        ...


class Catalog(ShardCatalog, Protocol):
    """What the index holds: which files, in which versions."""

    @property
    def collection(self) -> str:
        """The collection's name."""
        ...

    def complete_versions(self) -> AsyncIterator[StoredSource]:
        """Yield the versions the index holds completely: of a file that was updated, maybe two."""
        ...

    def unfinished_versions(self, complete: Collection[str]) -> AsyncIterator[StoredSource]:
        """Yield the versions that are not `complete`: those a crash left a part of."""
        ...

    async def count_chunks(self) -> int:
        """Return how many chunks the index holds."""
        ...


class Sessions(Protocol):
    """Conversations, by name."""

    async def asked_questions(self, session: str) -> list[str]:
        """Return what was asked in `session`, each as it was understood, oldest first."""
        ...

    async def add_turn(self, session: str, question: str, answer: str) -> None:
        """Keep a question of `session` and its answer."""
        ...


class CollectionVersions(Protocol):
    """The collections that one name means, one after another."""

    @property
    def name(self) -> str:
        """The name."""
        ...

    async def live_version(self) -> CollectionVersion | None:
        """Return the one that it means now; None while there is none."""
        ...

    async def begin_version(self) -> str:
        """Return the collection to build the next one in; `live` must exist.

        It is one that was begun with the present settings, or does not exist yet. What was begun
        with others is dropped.

        Raises:
            NothingToRebuild: the live one was made with the present settings.
        """
        ...

    def catalog_of(self, collection: str) -> Catalog:
        """Return what a collection holds, whatever it is made with."""
        ...

    async def audit(self, collection: str) -> CollectionAudit:
        """Read a collection back."""
        ...

    async def make_live(self, collection: str) -> None:
        """Have the name mean `collection` from now on."""
        ...


class Outages(Protocol):
    """The times when the store's service is gone and calls wait for it to come back."""

    def listen(
        self, paused: Callable[[Outage], None], resumed: Callable[[float], None]
    ) -> AbstractContextManager[None]:
        """Have each outage, and after how many seconds it ended, told on the running loop."""
        ...
