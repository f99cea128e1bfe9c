"""Whose a run is: the tenant of the key that asked for it, and nobody else can say so."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from alir.server.auth.caller import Caller, Tenant


@dataclass(frozen=True, slots=True)
class RunOwner:
    """Who began a run."""

    tenant: str
    """Empty is the house."""
    key: str
    """The id of the key, which pays for it."""

    def caller(self, root: Path) -> Caller:
        """Return who it is, as far as its questions go."""
        folder = root / self.tenant if self.tenant else root
        return Caller(self.key, "read", Tenant(self.tenant, folder))


_asking: ContextVar[RunOwner | None] = ContextVar("asking", default=None)


@contextmanager
def asking(owner: RunOwner) -> Iterator[None]:
    """Do what a request asks for, in this context and in what it starts: it sees its own runs."""
    token = _asking.set(owner)
    try:
        yield
    finally:
        _asking.reset(token)


def who_asks() -> RunOwner | None:
    """Return whose request this is part of; None if of none, as what a restart goes on with."""
    return _asking.get()
