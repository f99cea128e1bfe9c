"""A report as one HTML page: tables and plots, without scripts and without a network."""

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from alir.evaluation.report.plot import svg
from alir.evaluation.report.tables import Chart, Table
from alir.evaluation.report.terminal import machine_line

_ROLES = {"ours": "alir", "theirs": "LlamaIndex", "limit": "the limit"}


def write_page(
    file: Path,
    *,
    title: str,
    tables: Sequence[Table],
    charts: Sequence[Chart],
    found: dict[str, Any],
) -> None:
    """Write a page to `file`; it also shows the JSON `found`.

    Raises:
        OSError: it cannot be written.
    """
    template = Template((files("alir.evaluation.report") / "page.html").read_text("utf-8"))
    page = template.substitute(
        title=escape(title),
        tables="\n".join(map(_table, tables)),
        charts="\n".join(map(_chart, charts)),
        machine=escape(machine_line(found["machine"])),
        json=escape(json.dumps(found, indent=1)),
    )
    file.write_text(page, encoding="utf-8")


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    rows = "".join(
        f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in table.rows
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    return (
        f'<h2>{escape(table.title)}</h2><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{notes}"
    )


def _cell(text: str) -> str:
    first, _, rest = text.partition("\n")
    return f"{escape(first)}<br><small>{escape(rest)}</small>" if rest else escape(first)


def _chart(chart: Chart) -> str:
    title = escape(chart.title)
    roles = {bar.role for group in chart.groups.values() for bar in group}
    legend = "".join(
        f'<li><i class="{role}"></i>{name}</li>' for role, name in _ROLES.items() if role in roles
    )
    shown = f'<ul class="legend">{legend}</ul>' if len(roles) > 1 else ""
    return f'<h2>{title}</h2>{shown}<div class="wide">{svg(chart)}</div>'
