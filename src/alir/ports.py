"""What the steps need that no LlamaIndex base class describes."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from alir.errors import UnreadableFile
from alir.formats import Place
from alir.formats.reading import Reading
from alir.models import StoredSource

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

    async def versions(self, source_ids: Sequence[str]) -> dict[str, set[str]]:
        """Return the complete versions held of each of `source_ids`; absent ones are left out."""
        ...

    def sources(self) -> AsyncIterator[StoredSource]:
        """Yield every file the index holds completely."""
        ...

    def unfinished(self) -> AsyncIterator[StoredSource]:
        """Yield the versions that the index holds a part of: what a crash left behind."""
        ...

    async def chunks(self) -> int:
        """Return how many chunks the index holds."""
        ...
