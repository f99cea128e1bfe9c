"""An outage of a service that alir needs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outage:
    """A service is unavailable, and calls wait for it."""

    reason: str
    since: float
    """Seconds since the epoch."""
    waits_s: float
    """Longest wait before the calls fail."""
