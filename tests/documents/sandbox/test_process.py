"""A parser process: it answers in order, and its death is an error with its exit code."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alir.documents.sandbox.limits import SandboxLimits
from alir.documents.sandbox.process import ParserDied, ParserProcess
from alir.errors import UnreadableFile
from alir.models.reading import DocumentPosition, Reading, Segment


@contextmanager
def parser() -> Iterator[ParserProcess]:
    process = ParserProcess(SandboxLimits(cpu_s=5, memory_mib=200))
    try:
        process.greeted()
        yield process
    finally:
        process.close()


def test_each_document_has_an_answer_in_order_and_a_budget_ends_them(
    good: Path, tmp_path: Path
) -> None:
    positions = [DocumentPosition(path) for path in (tmp_path / "none.txt", good, good)]
    with parser() as process:
        assert not process.has_read

        missing, *others = process.read(positions, budget_chars=10_000, spent_chars=0)
        [first] = process.read(positions[1:], budget_chars=5, spent_chars=0)

        assert isinstance(missing, UnreadableFile)
        assert others == [Reading([Segment("Bees make honey.", 0)], None)] * 2
        assert isinstance(first, Reading)
        assert process.has_read


def test_a_document_that_ends_the_process_is_an_error_with_the_exit_code(
    good: Path, obedient: Callable[[str], Path]
) -> None:
    bad = obedient("import os; os._exit(7)")
    with parser() as process:
        answers = process.read(
            [DocumentPosition(path) for path in (good, bad)], budget_chars=10_000, spent_chars=0
        )

        assert isinstance(next(answers), Reading)
        with pytest.raises(ParserDied) as died:
            next(answers)
    assert died.value.exit_code == 7


def test_a_killed_process_ends_the_read(good: Path) -> None:
    with parser() as process:
        process.kill()
        with pytest.raises(ParserDied) as died:
            list(process.read([DocumentPosition(good)], budget_chars=10, spent_chars=0))
    assert died.value.exit_code == -signal.SIGKILL
