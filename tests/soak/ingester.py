"""Start ingesting processes that can be killed.

    python -m tests.soak.ingester FOLDER_FOR_SOCKETS

imports everything once and forks a process for each run, so that a run begins in milliseconds and
not in seconds. Each has its own process group, with its Milvus Lite. Each line of stdin is a run as
JSON. Each line of stdout is an event as JSON: `{"pid": ...}`, `{"call": ...}` at the beginning of
each call of Milvus, `{"report": ...}` or `{"error": ...}`, `{"ended": exit code}`.
"""

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

from alir.app.application import Alir
from alir.errors import AlirError
from alir.settings import Settings
from alir.testing.embeddings import HashEmbedding

CHUNK_TOKENS, OVERLAP_TOKENS = 64, 8
BATCH_CHUNKS = 16
"""Small, so that a run makes many calls."""
LONGEST_RUN_S = 120.0

Work = Callable[..., Coroutine[Any, Any, None]]
Victim = Literal["program", "program and Lite", "Lite"]


class Run:
    """One ingesting process."""

    def __init__(self, said: "queue.Queue[dict[str, Any]]") -> None:
        self.calls: list[str] = []
        """The calls of Milvus that it began, in order."""
        self.report: dict[str, Any] | None = None
        self.error = ""
        self.url = ""
        """The address, if it serves."""
        self.exit_code: int | None = None
        """None while it runs; negative if a signal ended it."""
        self._said = said
        self._began = time.monotonic()
        self.seconds = 0.0
        """The duration of the run."""
        self.pid = 0
        while not self.pid:
            self._listen(LONGEST_RUN_S)

    def serves(self, timeout_s: float = LONGEST_RUN_S) -> bool:
        """Wait until it serves or has ended; return whether it serves."""
        deadline = time.monotonic() + timeout_s
        while not self.url and self.exit_code is None and time.monotonic() < deadline:
            self._listen(deadline - time.monotonic())
        return bool(self.url) and self.exit_code is None

    def wait(self, timeout_s: float = LONGEST_RUN_S, *, calls: int | None = None) -> bool:
        """Wait until it has ended, or begun `calls` calls; return whether it still runs."""
        deadline = time.monotonic() + timeout_s
        while self.exit_code is None and (calls is None or len(self.calls) < calls):
            left = deadline - time.monotonic()
            if left <= 0 or not self._listen(left):
                break
        return self.exit_code is None

    def reports(self, timeout_s: float = LONGEST_RUN_S) -> bool:
        """Wait until it has reported or has ended; return whether it has reported and runs."""
        deadline = time.monotonic() + timeout_s
        while self.report is None and self.exit_code is None and time.monotonic() < deadline:
            self._listen(deadline - time.monotonic())
        return self.report is not None and self.exit_code is None

    def kill(self, victim: Victim) -> None:
        """SIGKILL the victim; after `Lite` the program ends by itself, or goes on with another."""
        with suppress(ProcessLookupError):
            if victim == "program and Lite":
                os.killpg(self.pid, signal.SIGKILL)
            elif victim == "program":
                os.kill(self.pid, signal.SIGKILL)
            else:
                for listed in Path(f"/proc/{self.pid}/task").glob("*/children"):
                    for child in listed.read_text().split():
                        os.kill(int(child), signal.SIGKILL)

    def stop(self) -> None:
        """Send SIGTERM."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def leaves_nothing_running(self, timeout_s: float = 10.0) -> bool:
        """Wait until its processes have ended; kill what is left after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while running := self._processes():
            if time.monotonic() > deadline:
                for process in running:
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                return False
            time.sleep(0.02)
        return True

    def _processes(self) -> list[int]:
        """Return the ids of the live processes in its group."""
        found = []
        for listed in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, _, group = listed.read_text().rpartition(")")[2].split()[:3]
                if int(group) == self.pid and state != "Z":
                    found.append(int(listed.parent.name))
        return found

    def _listen(self, timeout_s: float) -> bool:
        try:
            said = self._said.get(timeout=timeout_s)
        except queue.Empty:
            return False
        if "call" in said:
            self.calls.append(said["call"])
        self.pid = said.get("pid", self.pid)
        self.report = said.get("report", self.report)
        self.error = said.get("error", self.error)
        self.url = said.get("url", self.url)
        if "ended" in said:
            self.exit_code = said["ended"]
            self.seconds = time.monotonic() - self._began
        return True


class Forks:
    """Starts processes, one at a time, each a fork of one that has imported everything."""

    module: str
    """The module that forks them."""

    def __enter__(self) -> Self:
        self._sockets = TemporaryDirectory(prefix="alir-runs-")  # a killed Lite leaves its own
        self._parent = subprocess.Popen(
            [sys.executable, "-m", self.module, self._sockets.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._parent as parent:
            assert parent.stdin is not None
            parent.stdin.close()
            # To its end: what is closed while a thread reads it fails in that thread.
            self._reader.join()
        self._sockets.cleanup()

    def begin(self, **spec: Any) -> Run:
        """Start a process with these arguments."""
        assert self._parent.stdin is not None
        self._parent.stdin.write(json.dumps(spec).encode() + b"\n")
        self._parent.stdin.flush()
        return Run(self._said)

    def _read(self) -> None:
        assert self._parent.stdout is not None
        for line in self._parent.stdout:
            self._said.put(json.loads(line))


class Ingester(Forks):
    """Starts ingesting processes, one at a time."""

    module = "tests.soak.ingester"

    def start(self, folder: Path, **settings: Any) -> Run:
        """Start to ingest `folder` with these settings."""
        return self.begin(folder=str(folder), settings=settings)


def say(**what: Any) -> None:
    """Write an event to stdout."""
    os.write(1, json.dumps(what).encode() + b"\n")  # in one piece, whoever kills us


def _tell_calls(connection: Any) -> None:
    perform = connection._perform

    def told(operation: str, work: Any) -> Awaitable[Any]:
        say(call=operation)
        performed: Awaitable[Any] = perform(operation, work)
        return performed

    connection._perform = told


async def _ingest(folder: str, settings: dict[str, Any]) -> None:
    given = {"chunk_tokens": CHUNK_TOKENS, "chunk_overlap_tokens": OVERLAP_TOKENS} | settings
    async with Alir(Settings.load(**given), embedding=HashEmbedding()) as app:
        app.shard.batch_chunks = BATCH_CHUNKS
        _tell_calls(app.vector_store.connection)
        report: Any = await app.ingest.run(paths=[folder])
        say(report=report.to_json())


def _become_a_run(work: Work, spec: dict[str, Any]) -> int:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if "log" in spec:
        os.dup2(os.open(spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    say(pid=os.getpid())
    try:
        asyncio.run(work(**spec))
    except AlirError as error:
        say(error=f"{type(error).__name__}: {error}")
        return 1
    return 0


def set_up() -> None:
    """Import what the first run would import."""
    from llama_index.core.node_parser import SentenceSplitter

    SentenceSplitter().split_text("Loads the tokenizer.")


def main(work: Work, *, before: Callable[[], None]) -> None:
    """Fork a process for `work` with each line of stdin, and report how it ended."""
    tempfile.tempdir = sys.argv[1]
    before()
    for line in sys.stdin:
        if not (child := os.fork()):
            code = 70
            try:
                code = _become_a_run(work, json.loads(line))
            except BaseException:  # noqa: BLE001  whatever it is, the child ends here
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        say(ended=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(_ingest, before=set_up)
