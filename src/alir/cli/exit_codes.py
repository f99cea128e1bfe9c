"""The one place that maps errors to a command's exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from alir.app.printable import say
from alir.errors import AlirError, ConfigError, DependencyError, InputError

EXIT_CODES = {ConfigError: 3, InputError: 4, DependencyError: 5}
"""By error family: a setting, the request, the world. 1 is a defect of alir, 2 wrong usage."""
EXIT_INTERRUPTED = 130


@contextmanager
def reported() -> Iterator[None]:
    """Say an error in one sentence, and exit with its family's code."""
    try:
        yield
    except AlirError as error:
        say(f"alir: {error}", err=True)
        family = next(family for family in EXIT_CODES if isinstance(error, family))
        raise typer.Exit(EXIT_CODES[family]) from error
    except KeyboardInterrupt as interrupt:
        say("alir: interrupted; what was written stays, the next run goes on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt
