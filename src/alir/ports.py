"""What the steps need that no LlamaIndex base class describes."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from alir.models import StoredSource


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
