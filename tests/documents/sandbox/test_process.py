"""A parser process: it answers in order, and its death is an error with its exit code."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from alir.documents.sandbox.limits import SandboxLimits
from alir.documents.sandbox.process import ParserDied, ParserProcess
from alir.errors import UnreadableFile
from alir.models.reading import Reading, Segment


@contextmanager
def parser() -> Iterator[ParserProcess]:
    process = ParserProcess(SandboxLimits(cpu_s=5, memory_mib=200))
    try:
        process.greeted()
        yield process
    finally:
        process.close()


def read(process: ParserProcess, path: Path) -> Reading:
    with path.open("rb") as file:
        return process.read(path, None, budget_chars=10_000, descriptor=file.fileno())


def test_a_document_has_an_answer_its_text_or_why_it_has_none(good: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()
    with parser() as process:
        assert not process.has_read

        with pytest.raises(UnreadableFile, match="is empty"):
            read(process, empty)

        assert read(process, good) == Reading([Segment("Bees make honey.", 0)], None)
        assert process.has_read


def test_a_document_that_ends_the_process_is_an_error_with_the_exit_code(
    good: Path, obedient: Callable[[str], Path]
) -> None:
    bad = obedient("import os; os._exit(7)")
    with parser() as process:
        read(process, good)
        with pytest.raises(ParserDied) as died:
            read(process, bad)
    assert died.value.exit_code == 7


def test_a_killed_process_ends_the_read(good: Path) -> None:
    with parser() as process:
        process.kill()
        with pytest.raises(ParserDied) as died:
            read(process, good)
    assert died.value.exit_code == -signal.SIGKILL


def test_a_process_holds_no_descriptor_of_what_it_has_read(good: Path) -> None:
    with parser() as process:
        read(process, good)
        held = psutil.Process(process.pid).num_fds()
        for _ in range(20):
            read(process, good)

        assert psutil.Process(process.pid).num_fds() == held
