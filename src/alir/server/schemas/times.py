"""Times in the API."""

from datetime import UTC, datetime


def iso(since_1970_s: float) -> str:
    """Return a time in ISO 8601, to the second."""
    return datetime.fromtimestamp(since_1970_s, UTC).isoformat("T", "seconds")
