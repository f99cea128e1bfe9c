"""The process that reads documents: positions in on stdin, text out on stdout, both lines of JSON.

It imports the formats and nothing else of alir, and ends when its stdin does: when its owner closes
it, and when its owner is no more. Only data goes back: to unpickle what comes from a process that
read untrusted files would be to run it.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from alir.documents.formats import read_group
from alir.documents.sandbox.limits import SandboxLimits, limited, prepare, resident_mib, size_mib
from alir.errors import UnreadableFile
from alir.models.reading import Cursor, DocumentPosition, Reading

NICENESS = 10
"""Its niceness: that of the threads that embed documents."""
GROWN_MIB = 128
"""A process that keeps this much more than at its start ends; a new one starts small."""


def main(limits: SandboxLimits) -> None:
    """Answer jobs until stdin ends."""
    prepare()
    if sys.platform != "win32":
        os.nice(NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii", newline="\n")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a parser prints is no answer
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    small, size = resident_mib(), size_mib()
    _write(answers, {"ready": os.getpid()})
    while resident_mib() < small + GROWN_MIB and not limits.reached(size):
        job = json.loads(jobs.get())
        try:
            _answer(job, limits, size, answers)
        except Exception as error:  # noqa: BLE001  nothing is known about what a parser raises
            _write(answers, {"broke": " ".join(f"{type(error).__name__}: {error}".split())[:200]})
            os._exit(1)
    os._exit(0)


def _listen(jobs: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


def _answer(job: dict[str, Any], limits: SandboxLimits, size: float, answers: IO[str]) -> None:
    positions = [DocumentPosition(Path(path), at and Cursor(*at)) for path, at in job["positions"]]
    readings = read_group(
        positions, budget_chars=job["budget_chars"], spent_chars=job["spent_chars"]
    )
    for reading in _each_limited(readings, limits):
        if isinstance(reading, UnreadableFile):
            reason = reading.reason
            if isinstance(reading.__cause__, MemoryError):
                reason = limits.too_large
            elif limits.reached(size):
                reason = limits.perhaps_too_large(reason)
            _write(answers, {"unreadable": reason})
            continue
        # A line each: none is so long that its reader holds Python's lock noticeably.
        for one in reading.segments:
            _write(answers, [one.text, one.start, one.page], flush=False)
        at = reading.next
        _write(answers, {"next": at and [at.position, at.chars, at.encoding, at.carry]})
    _write(answers, {"end": True})


def _each_limited(
    readings: Iterator[Reading | UnreadableFile], limits: SandboxLimits
) -> Iterator[Reading | UnreadableFile]:
    while True:
        with limited(limits):
            reading = next(readings, None)
        if reading is None:
            return
        yield reading


def _write(answers: IO[str], what: object, *, flush: bool = True) -> None:
    answers.write(json.dumps(what) + "\n")
    if flush:
        answers.flush()
