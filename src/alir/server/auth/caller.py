"""Who calls: what a key may do, and which part of the index is its own."""

from dataclasses import dataclass
from pathlib import Path

from llama_index.core.vector_stores import MetadataFilters
from starlette.requests import Request

from alir.models.key_scope import Scope
from alir.models.path_filters import inside


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose files a caller sees: those in one folder, or all of the index."""

    name: str
    """Empty is the house: it sees everything."""
    folder: Path
    """Where its files lie, and what it may name lies; a real path, if nobody put a link there."""

    @property
    def filters(self) -> MetadataFilters | None:
        """What every search of its callers must pass."""
        return inside(self.folder) if self.name else None

    def holds(self, file: Path) -> bool:
        """Return whether a file of the index is one of its own."""
        return not self.name or self.folder in file.parents

    def sees(self, tenant: str) -> bool:
        """Return whether what `tenant` began is shown to it."""
        return not self.name or self.name == tenant


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, from its key alone."""

    key: str
    """The id of the key, not its secret; empty where none is needed."""
    scope: Scope
    tenant: Tenant


def caller(request: Request) -> Caller:
    """Return who sent `request`; it has been let in already."""
    found: Caller = request.state.caller
    return found
