"""What the system lends no more: for this process, while in a context."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let nothing more be opened; what is open stays so."""
    with _limit(resource.RLIMIT_NOFILE, 3):
        yield


@contextmanager
def no_room(file_bytes: int) -> Iterator[None]:
    """Let no file grow beyond `file_bytes`, as on a full disk."""
    with _limit(resource.RLIMIT_FSIZE, file_bytes):
        yield


@contextmanager
def written_elsewhere(path: Path, how: str = "IMMEDIATE") -> Iterator[None]:
    """Be another process that writes to an SQLite file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        yield
        other.execute("ROLLBACK")


@contextmanager
def _limit(of: int, value: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(of)
    resource.setrlimit(of, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(of, (soft, hard))
