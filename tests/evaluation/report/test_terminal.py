"""Tables on stdout, and the progress of a measurement on stderr."""

import pytest

from alir.evaluation.report import machine
from alir.evaluation.report.tables import Table
from alir.evaluation.report.terminal import machine_line, progress, show


def test_tables_their_notes_and_the_machine_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = Table("Adds", ["", "time"], [["alir", "1 s"]], notes=["[bold]Not markup."])

    show([table], machine.describe())

    printed = " ".join(capsys.readouterr().out.split())
    assert "Adds" in printed
    assert "alir 1 s" in printed
    assert "[bold]Not markup." in printed
    assert "load average at the start" in printed


def test_the_machine_is_a_line_of_its_figures() -> None:
    found = machine.describe() | {"cpu": "A CPU", "cores": 2, "load_average": [0.5, 1.0, 2.0]}

    line = machine_line(found)

    assert line.startswith("A CPU, 2 cores, ")
    assert "load average at the start 0.5, 1, 2." in line


def test_progress_in_a_log_is_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as report:
        report("ingesting [a]")
        report("asking")

    printed = capsys.readouterr()
    assert (printed.out, printed.err.splitlines()) == ("", ["ingesting [a]", "asking"])
