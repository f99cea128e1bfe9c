"""A parser's process outlives nobody, and Ctrl-C is not for it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

# Has a file read for each line it is told; says by whom when it is read, or a second has passed.
OWNER = """
import asyncio, os, signal, sys
from functools import partial
from pathlib import Path
from alir.documents.sandbox.pool import ParserPool

def read(path, descriptor, read):
    return read(path, None, budget_chars=10_000, descriptor=descriptor)

async def main():
    pool = ParserPool(processes=1)
    while path := sys.stdin.readline().strip():
        with open(path, "rb") as file:
            job = partial(read, Path(path), os.dup(file.fileno()))
        await asyncio.wait([asyncio.ensure_future(pool.run_job(job))], timeout=1)
        print(*[one.pid for one in pool._own.in_this_process()._all], flush=True)

signal.signal(signal.SIGINT, lambda *_: None)
sys.path.insert(0, sys.argv[1])
asyncio.run(main())
"""

Tell = Callable[[Path], psutil.Process]


@pytest.fixture
def owner(library: Path) -> Iterator["subprocess.Popen[str]"]:
    """A program with a pool of its own."""
    command = [sys.executable, "-c", OWNER, str(library)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, start_new_session=True
    ) as owner:
        yield owner
        owner.kill()


@pytest.fixture
def tell(owner: "subprocess.Popen[str]") -> Tell:
    """Have the program read a file; return its parser."""

    def told(path: Path) -> psutil.Process:
        assert owner.stdin is not None
        assert owner.stdout is not None
        owner.stdin.write(f"{path}\n")
        owner.stdin.flush()
        return psutil.Process(int(owner.stdout.readline()))

    return told


def is_gone(process: psutil.Process) -> bool:
    """Whether it ends within 10 s; one that nobody has reaped yet has."""
    try:
        process.wait(timeout=10)
    except psutil.TimeoutExpired:
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def test_a_parser_that_waits_is_gone_when_its_owner_is_killed(
    owner: "subprocess.Popen[str]", tell: Tell, good: Path
) -> None:
    parser = tell(good)
    assert parser.is_running()
    owner.kill()
    assert is_gone(parser)


def test_a_parser_in_the_middle_of_a_file_is_gone_when_its_owner_is_killed(
    owner: "subprocess.Popen[str]", tell: Tell, obedient: Callable[[str], Path]
) -> None:
    parser = tell(obedient("while True: pass"))
    assert parser.is_running()
    owner.kill()
    assert is_gone(parser)


def test_ctrl_c_in_a_terminal_ends_no_parser(
    owner: "subprocess.Popen[str]", tell: Tell, good: Path
) -> None:
    parser = tell(good)
    os.killpg(owner.pid, signal.SIGINT)
    assert tell(good) == parser


def test_a_program_that_ends_without_closing_leaves_no_parser_and_says_nothing(
    owner: "subprocess.Popen[str]", tell: Tell, good: Path
) -> None:
    parser = tell(good)
    owner.communicate("\n", timeout=20)
    assert owner.returncode == 0
    assert is_gone(parser)
