"""The tables of a bench on the terminal, and its progress on stderr."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from alir.evaluation.report.progress import Progress
from alir.evaluation.report.tables import Table


def show(tables: Sequence[Table], machine: dict[str, Any]) -> None:
    """Print tables to stdout, and below them what they were measured on."""
    console = Console(highlight=False)
    for table in tables:
        drawn = RichTable(box=box.SIMPLE_HEAD, title=table.title, title_justify="left")
        for position, head in enumerate(table.head):
            drawn.add_column(head, justify="right" if position else "left")
        for row in table.rows:
            drawn.add_row(*row)
        console.print(drawn)
        for note in table.notes:
            console.print(note, markup=False, style="dim")
        console.print()
    console.print(on(machine), markup=False, style="dim")


def on(machine: dict[str, Any]) -> str:
    """Return the machine in a sentence or two."""
    load = ", ".join(f"{one:g}" for one in machine["load_average"])
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['os']}, Python {machine['python']}; load average at the start {load}. "
        f"{packages}."
    )


@contextmanager
def progress() -> Iterator[Progress]:
    """Tell on stderr what is being measured: one line that changes, or a line each in a log."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda what: console.print(what, markup=False, soft_wrap=True)
        return
    with console.status("") as status:
        yield status.update
