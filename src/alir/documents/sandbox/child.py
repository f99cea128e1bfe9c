"""The process that reads documents: jobs in on stdin, text out on stdout, both lines of JSON.

It gets each document as a descriptor, by a socket, and opens none by its name. It imports the
formats and nothing else of alir, and ends when its stdin does: when its owner closes it, and when
its owner is no more. Only data goes back: to unpickle what comes from a process that read untrusted
files would be to run it.
"""

import json
import os
import queue
import socket
import sys
import threading
from pathlib import Path
from typing import IO, Any

from alir.documents.formats import read
from alir.documents.sandbox.limits import SandboxLimits, limited, prepare, resident_mib, size_mib
from alir.errors import UnreadableFile
from alir.models.reading import Cursor

NICENESS = 10
"""Its niceness: that of the threads that embed documents."""
GROWN_MIB = 128
"""A process that keeps this much more than at its start ends; a new one starts small."""


def main(documents: int, limits: SandboxLimits) -> None:
    """Answer jobs until stdin ends; `documents` is the socket that descriptors come by."""
    prepare()
    if sys.platform != "win32":
        os.nice(NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii", newline="\n")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a parser prints is no answer
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    received = socket.socket(fileno=documents)
    small, size = resident_mib(), size_mib()
    _write(answers, {"ready": os.getpid()})
    while resident_mib() < small + GROWN_MIB and not limits.reached(size):
        job = json.loads(jobs.get())
        _, [descriptor], _, _ = socket.recv_fds(received, 1, 1)
        try:
            _answer(job, descriptor, limits, size, answers)
        except Exception as error:  # noqa: BLE001  nothing is known about what a parser raises
            _write(answers, {"broke": " ".join(f"{type(error).__name__}: {error}".split())[:200]})
            os._exit(1)
        finally:
            os.close(descriptor)
    os._exit(0)


def _listen(jobs: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


def _answer(
    job: dict[str, Any], descriptor: int, limits: SandboxLimits, size: float, answers: IO[str]
) -> None:
    at = job["at"] and Cursor(*job["at"])
    try:
        with limited(limits):
            reading = read(
                Path(job["path"]), at, budget_chars=job["budget_chars"], descriptor=descriptor
            )
    except UnreadableFile as error:
        reason = error.reason
        if isinstance(error.__cause__, MemoryError):
            reason = limits.too_large
        elif limits.reached(size):
            reason = limits.perhaps_too_large(reason)
        _write(answers, {"unreadable": reason})
        return
    # A line each: none is so long that its reader holds Python's lock noticeably.
    for one in reading.segments:
        _write(answers, [one.text, one.start, one.page], flush=False)
    at = reading.next
    _write(answers, {"next": at and [at.position, at.chars, at.encoding, at.carry]})


def _write(answers: IO[str], what: object, *, flush: bool = True) -> None:
    answers.write(json.dumps(what) + "\n")
    if flush:
        answers.flush()
