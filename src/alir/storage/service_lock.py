"""The service's lock: one service has a service file, and an embedded index, at a time."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from alir.errors import ServiceRunning
from alir.storage.sqlite_file import translate_errors


@contextmanager
def service_lock(files: Sequence[Path]) -> Iterator[None]:
    """Hold a lock beside each of `files` in this context, and at the latest until the process ends.

    Raises:
        ServiceRunning: Another service holds one.
        ServiceFileFailed: A lock cannot be opened.
    """
    with ExitStack() as locks:
        for file in dict.fromkeys(Path(os.path.realpath(file.expanduser())) for file in files):
            with translate_errors(file):
                locks.callback(os.close, _taken(file))
        yield


def _taken(file: Path) -> int:
    name = f".{file.name.removeprefix('.')}.serving"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(file.with_name(name), flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        with suppress(ValueError):
            raise ServiceRunning(str(file), int(os.pread(descriptor, 20, 0) or 0)) from error
        raise ServiceRunning(str(file), 0) from error
    with suppress(OSError):  # a full disk: it is locked, but without the process
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
