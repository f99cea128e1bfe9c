"""The page of a report: tables, charts and the JSON, with nothing that a name could inject."""

from pathlib import Path
from typing import Any

import pytest

from alir.evaluation.report import machine
from alir.evaluation.report.page import write_page
from alir.evaluation.report.tables import Bar, Chart, Table

TABLE = Table(
    "Adds & <b>searches</b>", ["", "time"], [["alir", "1 s\n(1 s to 2 s)"]], ["A <note>."]
)
BARS = [Bar("<i>alir</i>", 1.0, [0.5, 2.0]), Bar("theirs", 2.0, [2.0, 2.0], "theirs")]


@pytest.fixture
def page(tmp_path: Path) -> str:
    found: dict[str, Any] = {"machine": machine.describe(), "name": "<script>alert(1)</script>"}
    file = tmp_path / "page.html"
    charts = [Chart("A time", "ms", {"": BARS})]
    write_page(file, title="alir <eval>", tables=[TABLE], charts=charts, found=found)
    return file.read_text()


def test_tables_charts_machine_and_json_are_on_the_page(page: str) -> None:
    assert "<title>alir &lt;eval&gt;" in page
    assert "<td>1 s<br><small>(1 s to 2 s)</small></td>" in page
    assert page.count("<svg") == 1
    assert 'class="legend"' in page
    assert "load average at the start" in page
    assert "&quot;name&quot;" in page


def test_nothing_is_markup_that_was_text(page: str) -> None:
    assert "<b>" not in page
    assert "<i>alir" not in page
    assert "A &lt;note&gt;." in page
    assert "<script" not in page


def test_a_file_that_cannot_be_written_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_page(
            tmp_path / "no" / "page.html",
            title="",
            tables=[],
            charts=[],
            found={"machine": machine.describe()},
        )
