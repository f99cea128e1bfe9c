"""The caller of a request: its key's scope, and the part of the index that it sees."""

from dataclasses import dataclass
from pathlib import Path

from llama_index.core.vector_stores import MetadataFilters
from starlette.requests import Request

from alir.models.key_scope import Scope
from alir.models.path_filters import inside


@dataclass(frozen=True, slots=True)
class Tenant:
    """The files that a caller sees: those in one folder, or the whole index."""

    name: str
    """Empty for an admin key, which sees everything."""
    folder: Path
    """The folder of its files, and of the paths it may name; a real path unless it is a link."""

    @property
    def filters(self) -> MetadataFilters | None:
        """The filters of all its searches."""
        return inside(self.folder) if self.name else None

    def holds(self, file: Path) -> bool:
        """Return whether a file belongs to this tenant."""
        return not self.name or self.folder in file.parents

    def sees(self, tenant: str) -> bool:
        """Return whether it sees what another tenant began."""
        return not self.name or self.name == tenant


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request, known by its key."""

    key: str
    """The id of the key, not its secret; empty if no key is needed."""
    scope: Scope
    tenant: Tenant

    @property
    def is_operator(self) -> bool:
        """Whether it may know the service's addresses, files and processes."""
        return self.scope == "admin" and not self.tenant.name


def caller(request: Request) -> Caller:
    """Return the caller of an authenticated request."""
    found: Caller = request.state.caller
    return found


def found_caller(request: Request) -> Caller | None:
    """Return the caller; None if the request has not been authenticated."""
    found: Caller | None = request.scope.get("state", {}).get("caller")
    return found
