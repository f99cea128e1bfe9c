"""The tables of a report on the terminal, and the progress on stderr."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from alir.evaluation.report.progress import Progress
from alir.evaluation.report.tables import Table


def show(tables: Sequence[Table], machine: dict[str, Any]) -> None:
    """Print tables to stdout, and below them the machine."""
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
    console.print(machine_line(machine), markup=False, style="dim")


def machine_line(machine: dict[str, Any]) -> str:
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
    """Show on stderr what is being measured: one line that changes, or in a log a line each."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda what: console.print(what, markup=False, soft_wrap=True)
        return
    with console.status("") as status:
        yield status.update
