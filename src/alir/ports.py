"""What the steps need that no LlamaIndex base class describes."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from alir.errors import UnreadableFile
from alir.formats import Place
from alir.formats.reading import Reading
from alir.models import Outage, StoredSource

T = TypeVar("T")


class Read(Protocol):
    """Reads documents as `alir.formats.read_group` does, in this process or in another. Blocks."""

    def __call__(
        self, places: Sequence[Place], *, budget_chars: int
    ) -> Iterable[Reading | UnreadableFile]:
        """Return what is at `places`, in order, or why it cannot be read, until the budget ends."""
        ...


class Readers(Protocol):
    """Where documents are read, off the event loop."""

    async def run(self, job: Callable[[Read], T]) -> T:
        """Do `job` there, with a way to read documents."""
        ...


class Catalog(Protocol):
    """What the index holds: which files, in which versions."""

    @property
    def collection(self) -> str:
        """The collection's name."""
        ...

    async def live(self, source_ids: Sequence[str]) -> dict[str, StoredSource]:
        """Return the version held of each of `source_ids`; absent ones are left out."""
        ...

    async def held(self, chunk_ids: Sequence[str]) -> set[str]:
        """Return those of `chunk_ids` that the index holds, whoever wrote them a moment ago."""
        ...

    async def vectors(self, text_hashes: Collection[str]) -> dict[str, list[float]]:
        """Return the vectors, (dim,) floats, of the texts held of `text_hashes`."""
        ...

    def sources(self) -> AsyncIterator[StoredSource]:
        """Yield every file the index holds completely."""
        ...

    def superseded(self) -> AsyncIterator[StoredSource]:
        """Yield the complete versions that a newer one replaced and that are there still."""
        ...

    def unfinished(self) -> AsyncIterator[StoredSource]:
        """Yield the versions that the index holds a part of: what a crash left behind."""
        ...

    async def chunks(self) -> int:
        """Return how many chunks the index holds."""
        ...


class Outages(Protocol):
    """The times when the store's service is gone and calls wait for it to come back."""

    def listened(
        self, paused: Callable[[Outage], None], resumed: Callable[[float], None]
    ) -> AbstractContextManager[None]:
        """Have each outage, and after how many seconds it ended, told on the running loop."""
        ...
