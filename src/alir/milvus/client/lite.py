"""Milvus Lite: a file, and the server process behind it, which serves one process at a time.

milvus-lite 2.5 starts the process for any client of the file and ends it with the program. Here it
ends when the last of our connections to the file is closed, and errors say why it did not start.
"""

import errno
import fcntl
import logging
import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from alir.concurrency.per_process import PerProcess, keep_for_ever
from alir.errors import AlirError, InvalidSetting, MilvusLiteNotStarted, StoreInUse
from alir.storage.private_files import make_private_file, make_private_folder

FILE_NAME = re.compile(r"[A-Za-z0-9._-]{1,36}")

# milvus-lite 2.5 imports pkg_resources, which warns that it will go.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)

_DYING_S = 1.0
"""Longest wait for the server of a program that was killed to end; it takes 10 ms."""
_STARTING_S = 0.5
"""A server that has not ended after so long counts as started; clients wait for its answer."""
_lock = PerProcess(threading.Lock)
_users: dict[Path, int] = {}


def acquire(uri: str) -> str:
    """Start the server of the file `uri`, or join it; return the file's absolute path. Blocks.

    Raises:
        StoreInUse: another process has the file.
        InvalidSetting: it is not a file Milvus Lite can use.
    """
    path = Path(uri).expanduser().absolute()
    with _lock.in_this_process():
        if not _users.get(path):
            _start(path)
        _users[path] = _users.get(path, 0) + 1
    return str(path)


def release(path: str) -> None:
    """Leave the server of the file `path`; the last one to leave ends it. Blocks."""
    from milvus_lite.server_manager import server_manager_instance  # noqa: PLC0415

    with _lock.in_this_process():
        _users[Path(path)] -= 1
        server = server_manager_instance._servers.get(str(Path(path).resolve()))
        if not _users[Path(path)] and (server is None or _is_ours(server)):
            server_manager_instance.release_server(path)


def revive(path: str) -> bool:
    """Start the server of the file `path` again if its process died; return whether it had. Blocks.

    It is at the same address then: connections to it come back by themselves. A forked child uses
    its parent's server, and starts its own when that one is gone.

    Raises:
        StoreInUse, InvalidSetting: as `acquire` does.
    """
    from milvus_lite.server_manager import server_manager_instance  # noqa: PLC0415

    resolved = str(Path(path).resolve())
    with _lock.in_this_process():
        server = server_manager_instance._servers.get(resolved)
        if server is None or _is_alive(server):
            return False
        server.stop()
        _serve(server, path)
        return True


def _start(path: Path) -> None:
    if not FILE_NAME.fullmatch(path.name):
        raise _unusable(
            f"Milvus Lite cannot use the file name {path.name!r}",
            "Choose one of at most 36 letters, digits, dots, hyphens and underscores.",
        )
    if path.is_dir():
        raise _unusable(f"{path} is a folder", "Name a file.")
    try:
        with _told(path):
            make_private_folder(path.parent)
    except MilvusLiteNotStarted as error:
        if isinstance(error.__cause__, FileExistsError | NotADirectoryError):
            raise _unusable(
                f"the folder {path.parent} cannot be made", "Name a file in a folder."
            ) from error
        raise
    from milvus_lite.server_manager import server_manager_instance  # noqa: PLC0415

    resolved = str(path.resolve())
    servers = server_manager_instance._servers
    if resolved in servers and _is_alive(servers[resolved]):
        return  # another library's client in this program, or the parent that forked it
    with _told(path):
        server = _quiet_server(resolved)
    _serve(server, str(path))
    servers[resolved] = server


def _serve(server: Any, path: str) -> None:
    """Start `server`, again where the server of a program that was just killed hinders it.

    That one ends when it gets the lock file, and until then holds the file: ours ends at once.
    """
    give_up = time.monotonic() + _DYING_S
    while not _started(server, path):
        has_lock, error = server.got_the_lock, _fault_of(path)
        is_late = time.monotonic() > give_up
        if not has_lock or error == sqlite3.SQLITE_BUSY:
            if is_late:
                raise StoreInUse(path)
        elif is_late or error in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise _unusable(
                f"{path} is not a Milvus Lite file, or a damaged one",
                "Name another file, or delete it and ingest again.",
            )
        server.stop()
        time.sleep(0.05)


def _started(server: Any, path: str) -> bool:
    try:
        with _told(path):
            return bool(server.init() and server.start())
    except AlirError:
        server.stop()
        raise


@contextmanager
def _told(path: object) -> Iterator[None]:
    """Raise what the system refuses to make as an error that says what to do."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        if error.filename:
            why = f"{why} ({error.filename})"
        if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            remedy = "Name a file in a folder that can be written."
            raise _unusable(f"{path} cannot be used: {why}", remedy) from error
        raise MilvusLiteNotStarted(str(path), why) from error


def _fault_of(path: str) -> int:
    """Return SQLite's error code on reading the file, which is SQLite's; 0 where there is none."""
    address = f"{Path(path).as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, timeout=0, uri=True)) as database:
            database.execute("SELECT * FROM sqlite_schema").fetchall()
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF
    return 0


def _is_ours(server: Any) -> bool:
    """Return whether this process, not one that it was forked off, started `server`."""
    return server._p is not None


def _is_alive(server: Any) -> bool:
    if _is_ours(server):
        return server._p.poll() is None
    return _answers(server._uds_path)


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


def _quiet_server(path: str) -> Any:
    import milvus_lite.server  # noqa: PLC0415  Windows has none

    # It logs to the root logger what we raise.
    milvus_lite.server.logger = logging.getLogger("milvus_lite")
    milvus_lite.server.logger.setLevel(logging.CRITICAL)

    class QuietServer(milvus_lite.server.Server):  # type: ignore[misc]
        def __init__(self, db_file: str) -> None:
            super().__init__(db_file)
            # Theirs lies in the folder that all users share, and whoever connects can read all.
            self._folder = Path(tempfile.mkdtemp(prefix="alir-milvus-"))
            self._uds_path = str(self._folder / "milvus.sock")
            weakref.finalize(self, _remove, self._folder, os.getpid())

        @property
        def args(self) -> list[str]:
            # The process writes to stdout and stderr, which belong to our results and errors. And
            # Ctrl-C reaches it, too: it must live until what is being written is there. It makes
            # its file and its logs, which are for its owner alone.
            script = """
                trap "" INT
                umask 077
                export TMPDIR="$1"; shift
                export LD_LIBRARY_PATH="$1:$LD_LIBRARY_PATH" DYLD_LIBRARY_PATH="$1"
                shift
                exec "$@" >/dev/null 2>&1
            """
            parts = [self._folder, self._bin_path, *super().args]
            return ["/bin/sh", "-c", script, "milvus-lite", *map(str, parts)]

        @property
        def got_the_lock(self) -> bool:
            return self._p is not None

        def start(self) -> bool:
            # Theirs waits half a second for a failure, also where the server answers before.
            _own_folder(self._folder)
            make_private_file(self._db_file)
            make_private_file(Path(self._lock_path))
            self._lock_fd = Path(self._lock_path).open("a", encoding="utf-8")  # noqa: SIM115
            try:
                fcntl.lockf(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._p = subprocess.Popen(self.args, cwd=self._work_dir)  # noqa: S603
            give_up = time.monotonic() + _STARTING_S
            while time.monotonic() < give_up and self._p.poll() is None:
                if _answers(self._uds_path):
                    return True
                time.sleep(0.005)
            return self._p.poll() is None

        def stop(self) -> None:
            # Theirs deletes the lock file even where another process holds it, and so lets the
            # next one in.
            if self.got_the_lock:
                super().stop()
            elif lock_file := self.__dict__.pop("_lock_fd", None):
                lock_file.close()

    return QuietServer(path)


def _own_folder(folder: Path) -> None:
    """Make `folder`, which was deleted when the server ended, or check that it is still ours."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise FileExistsError(errno.EEXIST, "it is another user's", str(folder))


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _leave_to_parent() -> None:
    """Let go, in a forked child, of the servers of its parent: at its end it would stop them."""
    if (manager := sys.modules.get("milvus_lite.server_manager")) is None:
        return
    manager.server_manager_instance._lock = threading.Lock()
    for server in manager.server_manager_instance._servers.values():
        keep_for_ever((server, server._p))
        if server._lock_fd is not None:
            server._lock_fd.close()
        server._p, server._lock_fd = None, None
        if not hasattr(server, "got_the_lock"):  # another library's: it would delete its files
            server.stop = _do_nothing


def _do_nothing() -> None: ...


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_leave_to_parent)


def _unusable(problem: str, remedy: str) -> InvalidSetting:
    return InvalidSetting("ALIR_MILVUS_URI", problem, remedy)
