"""The owner of a run: the tenant and the key that began it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from alir.server.auth.caller import Caller, Tenant


@dataclass(frozen=True, slots=True)
class RunOwner:
    """The tenant and key that began a run."""

    tenant: str
    """Empty for an admin key."""
    key: str
    """The id of the key; the cost of the run is counted for it."""

    def caller(self, root: Path) -> Caller:
        """Return the caller that the run's questions are asked for."""
        folder = root / self.tenant if self.tenant else root
        return Caller(self.key, "read", Tenant(self.tenant, folder))


_owner: ContextVar[RunOwner | None] = ContextVar("owner", default=None)


@contextmanager
def acting_as(owner: RunOwner) -> Iterator[None]:
    """Act for a request, in this context and its tasks: only the owner's runs are visible."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


def current_owner() -> RunOwner | None:
    """Return the owner that this request acts for; None outside a request, as in a resumed run."""
    return _owner.get()
