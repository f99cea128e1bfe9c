"""The parent's side of a process that reads documents."""

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

from alir.documents.sandbox.limits import SandboxLimits
from alir.errors import ParserUnavailable, UnreadableFile
from alir.models.reading import Cursor, Reading, Segment

# Not multiprocessing's spawn, nor anyio's: both run the program's main module again, which a script
# without `if __name__ == "__main__"` does not survive. What can be imported is the same as here.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[5:]; "
    "from alir.documents.sandbox.child import SandboxLimits, main; "
    "main(int(sys.argv[1]), SandboxLimits(float(sys.argv[2]), int(sys.argv[3]), "
    "float(sys.argv[4])))"
)


_running: "WeakSet[ParserProcess]" = WeakSet()


class ParserDied(Exception):
    """A process ended, or gave an answer that is none of the protocol."""

    def __init__(self, exit_code: int, last_words: str) -> None:
        super().__init__(exit_code, last_words)
        self.exit_code = exit_code
        """Negative: the signal that ended it."""
        self.last_words = last_words
        """The exception it ended with, if it could report one."""


class ParserProcess:
    """A process of `alir.documents.sandbox.child`. For one thread at a time; `kill` is for any.

    Raises:
        ParserUnavailable: there can be none.
    """

    def __init__(self, limits: SandboxLimits) -> None:
        arguments = [str(limits.cpu_s), str(limits.memory_mib), str(limits.waits), *sys.path]
        try:
            self._documents, theirs = socket.socketpair()
        except OSError as error:
            raise ParserUnavailable(error.strerror or str(error)) from error
        try:
            self._process = subprocess.Popen(  # noqa: S603  what it reads it does not run
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C is for its owner, which ends it
            )
        except OSError as error:
            self._documents.close()
            raise ParserUnavailable(error.strerror or str(error)) from error
        finally:
            theirs.close()
        self.has_read = False
        """Whether it has read a document: it may die of that later."""
        _running.add(self)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def greeted(self) -> None:
        """Wait until it is ready to read.

        Raises:
            ParserUnavailable: it ended instead.
        """
        try:
            self._hear()
        except ParserDied as death:
            raise ParserUnavailable(f"it ended with exit code {death.exit_code}") from death

    def read(self, path: Path, at: Cursor | None, *, budget_chars: int, descriptor: int) -> Reading:
        """Run `formats.read` in the process, on the file that `descriptor` is open on.

        Raises:
            UnreadableFile: the file cannot be read as a document.
            ParserDied: at the document, or before it.
        """
        self._ask({"path": str(path), "at": _fields(at), "budget_chars": budget_chars}, descriptor)
        try:
            return self._answer(path)
        finally:
            self.has_read = True

    def kill(self) -> None:
        """Kill it, at any time; a pending `read` raises `Died`."""
        self._process.kill()

    def leave_to_parent(self) -> None:
        """Let go of its pipes, in a forked child: a process ends when nobody can write to it."""
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError, ValueError):  # it is closed already
                if pipe is not None:
                    os.dup2(nowhere, pipe.fileno(), inheritable=False)
        os.close(nowhere)

    def close(self) -> None:
        """Kill it and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._documents):
            with suppress(OSError):  # what was not sent is not wanted any more
                if pipe is not None:
                    pipe.close()

    def _ask(self, job: object, descriptor: int) -> None:
        assert self._process.stdin is not None  # noqa: S101  for the type checker
        try:
            socket.send_fds(self._documents, [b"d"], [descriptor])
            self._process.stdin.write(json.dumps(job).encode("ascii") + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            self.kill()  # if it has not ended
            raise self._death() from error

    def _answer(self, path: Path) -> Reading:
        segments: list[Segment] = []
        while True:
            match self._hear():
                case [str(text), int(start), int() | None as page]:
                    segments.append(Segment(text, start, page))
                case {"next": None}:
                    return Reading(segments, None)
                case {"next": [int(position), int(chars), str(encoding), str(carry)]}:
                    return Reading(segments, Cursor(position, chars, encoding, carry))
                case {"unreadable": str(reason)}:
                    raise UnreadableFile(path, reason)
                case {"broke": str(error)}:
                    raise self._death(error)
                case _:
                    raise self._death("it answered nonsense")

    def _hear(self) -> Any:
        assert self._process.stdout is not None  # noqa: S101  for the type checker
        try:
            return json.loads(self._process.stdout.readline())
        except ValueError as error:  # half a line, or none
            raise self._death() from error

    def _death(self, last_words: str = "") -> ParserDied:
        if last_words:
            self.kill()
        return ParserDied(self._process.wait(), last_words)


def _leave_to_parent() -> None:
    for process in list(_running):
        process.leave_to_parent()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_leave_to_parent)


def _fields(at: Cursor | None) -> list[int | str] | None:
    return None if at is None else [at.position, at.chars, at.encoding, at.carry]
