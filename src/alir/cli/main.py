"""The command line. Results go to stdout, progress and errors to stderr.

A command imports the rest of alir inside its functions: `alir --help` must feel instant.
"""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

import typer

from alir.app.light_nltk import leave_out_statistics
from alir.app.printable import say
from alir.cli.agent import agent
from alir.cli.ask import ask
from alir.cli.draw import draw
from alir.cli.evaluate import evaluate
from alir.cli.ingest import ingest, retry
from alir.cli.keys import keys
from alir.cli.mcp import mcp
from alir.cli.rebuild import rebuild
from alir.cli.serve import serve
from alir.cli.status import relearn, status
from alir.cli.verify import verify
from alir.cli.watch import watch

PLUGINS = "alir.commands"
"""The entry-point group in which an installed package registers a `typer.Typer` as a command."""

cli = typer.Typer(
    name="alir",
    help="Mirror folders into Milvus and answer questions from them, every citation checked.\n\n"
    "Settings are ALIR_* environment variables or lines of a .env file; see .env.example.\n\n"
    "Exit codes: 0 done, 2 wrong usage, 3 a setting must change, 4 the request must change, "
    "5 Milvus or the language model failed, 6 verify found differences that are left, "
    "130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# `alir --help` lists the commands in this order.
cli.command()(ingest)
cli.command(
    "sync",
    help="Make the index mirror files and folders: the same command as alir ingest.\n\n"
    "Example: alir sync --dry-run docs",
)(ingest)
for command in (watch, ask, agent, status, retry, verify, rebuild, relearn, serve, mcp):
    cli.command()(command)
cli.command("eval")(evaluate)
cli.command()(draw)
cli.add_typer(keys, name="keys")


def add_plugins(to: typer.Typer, points: Iterable[EntryPoint]) -> None:
    """Add the commands of other packages; name one that cannot be loaded, and go on without it."""
    for point in points:
        try:
            plugin = point.load()
            if not isinstance(plugin, typer.Typer):
                raise TypeError(f"{point.value} is not a typer.Typer")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001  it runs a stranger's module
            problem = f"{type(error).__name__}: {error}"
            say(f"alir: the command {point.name} cannot be loaded. {problem}", err=True)
        else:
            to.add_typer(plugin, name=point.name)


add_plugins(cli, entry_points(group=PLUGINS))


def main() -> None:
    """Run the command line; the package's `alir` script."""
    leave_out_statistics()
    cli()
