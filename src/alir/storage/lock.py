"""The run lock: one run writes to a collection at a time, and the lock ends with its process."""

import asyncio
import fcntl
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from alir.errors import RunInProgress
from alir.storage.ledger_schema import make_folder, unusable
from alir.storage.private_files import make_private_file

_SAYS_WHO_WITHIN_S = 0.2
"""Longest wait for a holder to write its name."""
_held: set[int] = set()


@asynccontextmanager
async def run_lock(path: Path, collection: str, what: str) -> AsyncIterator[None]:
    """Hold the lock file `path` while in this context.

    It is released with the process at the latest, however that ends.

    Raises:
        RunInProgress: another run holds it, in this process or another.
        InvalidSetting: the file cannot be opened.
    """
    taking = asyncio.get_running_loop().run_in_executor(None, _take, path, collection, what)
    try:
        descriptor = await asyncio.shield(taking)
    except asyncio.CancelledError:
        taking.add_done_callback(_give_back)
        raise
    try:
        yield
    finally:
        _release(descriptor)


def describe_holder(path: Path) -> str:
    """Return which run says that it holds the lock file `path`; empty if none does. Blocks.

    A look takes no lock: even a shared one would keep a run off that begins meanwhile. What a
    killed run left says nothing.
    """
    try:
        holder = dict(json.loads(path.read_bytes()))
        what, pid, host = str(holder["what"]), int(holder["pid"]), str(holder["host"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""
    try:
        if host == socket.gethostname():
            os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return ""
    except PermissionError:
        pass  # a process of another user
    return f"{what} (process {pid} on {host})"


def _take(path: Path, collection: str, what: str) -> int:
    make_folder(path)
    try:
        make_private_file(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise unusable(path, (error.strerror or str(error)).lower()) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _holder(descriptor)
        os.close(descriptor)
        raise RunInProgress(
            collection,
            what=str(holder.get("what", "it has not said yet what it is")),
            pid=int(holder.get("pid", 0)),
            host=str(holder.get("host", "this host")),
            held_s=max(0.0, time.time() - holder.get("since_s", time.time())),
        ) from error
    _held.add(descriptor)
    holder = {
        "what": what,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since_s": time.time(),
    }
    with suppress(OSError):  # a full disk: it is locked, but without the holder's name
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
    return descriptor


def _release(descriptor: int) -> None:
    _held.discard(descriptor)
    # The file stays: to delete it would let two in, one with the old file and one with a new one.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
    # A process that is just being started has a copy of the descriptor, and would hold the lock on.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _give_back(taking: "asyncio.Future[int]") -> None:
    if not taking.cancelled() and taking.exception() is None:
        _release(taking.result())


def _holder(descriptor: int) -> dict[str, Any]:
    give_up = time.monotonic() + _SAYS_WHO_WITHIN_S
    while time.monotonic() < give_up:
        with suppress(ValueError):
            return dict(json.loads(os.pread(descriptor, 65536, 0)))
        time.sleep(0.01)
    return {}


def _let_go_in_child() -> None:
    """A child would hold the lock on after its parent was killed."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)
