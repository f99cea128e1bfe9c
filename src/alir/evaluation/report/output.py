"""Print a report: JSON or tables on stdout, and a page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from alir.evaluation.report.page import write_page
from alir.evaluation.report.tables import Chart, Table
from alir.evaluation.report.terminal import show


def print_report(
    found: dict[str, Any],
    *,
    title: str,
    tables: Sequence[Table],
    charts: Sequence[Chart],
    as_json: bool,
    html: Path | None,
) -> None:
    """Print the JSON `found`, or its tables; also write the page to the file `html`, if given.

    Raises:
        BadParameter: the file cannot be written.
    """
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show(tables, found["machine"])
    if html is not None:
        try:
            write_page(html, title=title, tables=tables, charts=charts, found=found)
        except OSError as error:
            problem = f"{html} cannot be written: {error.strerror or error}"
            raise typer.BadParameter(problem, param_hint="--html") from error
