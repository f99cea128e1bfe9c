"""Drafts: files of uploads on their way in. Each is locked by the process that writes it."""

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

PREFIX = ".alir-upload-"
"""The prefix of a draft; it is hidden, so no ingestion reads it."""


def open_draft(folder: Path) -> tuple[Path, BinaryIO]:
    """Make a draft in `folder`, which only its owner can read; keep it open until it has its name.

    Raises:
        OSError: The disk is full, or what the system says.
    """
    while True:
        draft = folder / f"{PREFIX}{secrets.token_hex(8)}"
        # Exclusive: an existing file is never written to.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        file = os.fdopen(os.open(draft, flags, 0o600), "wb")
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:  # no other process took it for a leftover
            return draft, file
        file.close()


def clear_drafts(root: Path) -> None:
    """Delete the drafts that no process writes, in `root` and in the folders of tenants."""
    for pattern in (f"{PREFIX}*", f"*/{PREFIX}*"):
        for draft in root.glob(pattern):
            with suppress(OSError):  # gone, or not ours: it takes some room, and does no harm
                _clear(draft)


def _clear(draft: Path) -> None:
    if draft.is_symlink():
        draft.unlink()
        return
    descriptor = os.open(draft, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # a process is writing it
    except OSError:  # not every file system has locks
        pass
    finally:
        os.close(descriptor)
    draft.unlink()
