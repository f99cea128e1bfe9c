"""Ctrl-C and SIGTERM in the middle of an ingestion, and the run after it."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import psutil
import pytest

from alir import AlirMilvusStore

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Spawn = Callable[..., "subprocess.Popen[str]"]

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
termios = pytest.importorskip("termios", reason="this system has no pseudo-terminals")

# Makes its standard input the controlling terminal, so that Ctrl-C comes from there, and listens to
# it, as a shell has a command do (one in the background, as this suite may be, is deaf to it);
# becomes alir.
ON_THE_TERMINAL = (
    "import fcntl, os, signal, sys, termios; "
    "signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'alir', *sys.argv[1:]])"
)


PATIENCE_S = 120.0
"""A program takes 5 s to start, and many times that where others want the cores."""


@pytest.fixture
def docs(desk: Path) -> Path:
    """Enough text to be interrupted in: about 700 chunks."""
    folder = desk / "docs"
    folder.mkdir()
    for number in range(60):
        sentences = (f"The moon of planet {number} has {n} craters of basalt. " for n in range(190))
        (folder / f"{number:02}.txt").write_text("".join(sentences))
    return folder


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a pseudo-terminal: the user's and the program's."""
    user, program = pty.openpty()
    termios.tcsetwinsize(program, (40, 120))
    yield user, program
    os.close(user)


def output_until(user: int, pattern: bytes, *, timeout_s: float) -> bytes:
    """What the terminal showed until `pattern` appeared, or until the program ended."""
    shown = b""
    deadline = time.monotonic() + timeout_s
    while not re.search(pattern, shown):
        assert time.monotonic() < deadline, shown[-500:]
        try:
            shown += os.read(user, 65_536)
        except OSError:  # Linux's way to say that the other end is closed
            break
    return shown


async def stored_chunks(uri: str) -> dict[str, list[dict[str, Any]]]:
    """What the index says of its chunks, in their order, by file name."""
    chunks = defaultdict(list)
    store = AlirMilvusStore(uri, "", "alir", similarity_metric="COSINE")
    async for row in store.scan("", ["file_path", "chunk_index", "chunk_count", "version"]):
        chunks[Path(row["file_path"]).name].append(row)
    await store.aclose()
    return {name: sorted(rows, key=itemgetter("chunk_index")) for name, rows in chunks.items()}


def still_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended 5 s later; one that nobody has reaped yet has."""
    _, alive = psutil.wait_procs(processes, timeout=5)
    return [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_ctrl_c_ends_a_run_and_the_next_one_completes_it(
    docs: Path, terminal: tuple[int, int], spawn: Spawn, invoke: Command
) -> None:
    user, program = terminal
    command = [sys.executable, "-c", ON_THE_TERMINAL, "ingest", "docs"]
    ends = {"stdin": program, "stdout": subprocess.PIPE, "stderr": program}
    process = spawn(*command, start_new_session=True, **ends)
    os.close(program)
    shown = output_until(user, rb"[1-9]\d* chunks written", timeout_s=PATIENCE_S)
    assert b"/60" in shown, "the bar tells how many files there are"
    children = psutil.Process(process.pid).children(recursive=True)
    os.write(user, b"\x03")
    told = output_until(user, b"(?!)", timeout_s=30).decode()
    printed, _ = process.communicate(timeout=30)
    assert (process.returncode, printed) == (130, "")
    assert "alir: interrupted; what was written stays, the next run goes on" in told
    assert "Traceback" not in told
    assert "Error" not in told
    assert still_running(children) == []

    # The first files were being written, and the next run takes long: most of them go now.
    for path in [docs / "00.txt", *sorted(docs.iterdir())[8:]]:
        path.unlink()
    (docs / "01.txt").write_text("Planet one has lost its moon.")
    index = {"ALIR_MILVUS_URI": ".alir/milvus.db", "ALIR_COLLECTION": "alir"}
    done = invoke("ingest", "docs", "--json", **index)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert (report["files"], report["failed"]) == (7, [])

    found = asyncio.run(stored_chunks(".alir/milvus.db"))
    assert found.keys() == {path.name for path in docs.iterdir()}, "nothing of what is gone"
    assert len(found["01.txt"]) == 1, "nothing of what it said before"
    assert len(found["02.txt"]) > 5
    for name, chunks in found.items():
        assert [chunk["chunk_index"] for chunk in chunks] == list(range(chunks[0]["chunk_count"]))
        assert len({chunk["version"] for chunk in chunks}) == 1, name
    assert report["chunks"] == sum(map(len, found.values()))


def interrupted(process: "subprocess.Popen[str]", *, within_s: float) -> str:
    """Send SIGINT; return what the process said, which ends of that."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=within_s)
    assert process.returncode == 130
    return said


HEARS_SIGINT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
"""A shell's background job, as this suite may be, is deaf to it."""


@pytest.mark.skipif(sys.platform != "linux", reason="what it has open is seen in /proc")
def test_ctrl_c_ends_a_run_that_reads_an_endless_file(desk: Path, spawn: Spawn) -> None:
    (desk / "docs").mkdir()
    with (desk / "docs" / "huge.txt").open("wb") as file:
        file.truncate(2**42)  # 4 TB, of which the disk has none
    run = HEARS_SIGINT + "from alir.cli.main import main; main()"
    process = spawn(
        *(sys.executable, "-c", run, "ingest", "docs"),
        env={**os.environ, "ALIR_MAX_FILE_MIB": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + PATIENCE_S
    while not Path(f"/proc/{process.pid}/fd").exists() or not any(
        os.path.realpath(one).endswith("huge.txt")
        for one in Path(f"/proc/{process.pid}/fd").iterdir()
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)

    said = interrupted(process, within_s=20)

    assert said == "alir: interrupted; what was written stays, the next run goes on\n"
    assert still_running(children) == []


def test_a_second_ctrl_c_waits_for_nothing(desk: Path, spawn: Spawn) -> None:
    code = HEARS_SIGINT + (
        "import asyncio, time; from alir.cli.exit_codes import run_with_alir; "
        "run_with_alir(lambda app: (print('begun', flush=True), "
        "asyncio.to_thread(time.sleep, 600))[1], collection=None)"
    )
    pipe = subprocess.PIPE
    process = spawn(sys.executable, "-c", code, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.5)  # until the thread is begun
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2)  # it waits for the thread

    assert interrupted(process, within_s=20) == "alir: interrupted twice, ended at once\n"


def test_sigterm_ends_a_run_and_leaves_no_process_behind(docs: Path, spawn: Spawn) -> None:
    command = [sys.executable, "-m", "alir", "ingest", docs]
    process = spawn(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    children: list[psutil.Process] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(children) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        children = psutil.Process(process.pid).children(recursive=True)
    programs = [" ".join(child.cmdline()) for child in children]
    known = {
        name: [one for one in programs if name in one]
        for name in ("milvus", "alir.documents.sandbox")
    }
    assert all(known.values())
    assert sum(map(len, known.values())) == len(programs), "and nothing else"
    process.terminate()
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == -signal.SIGTERM
    assert still_running(children) == []
