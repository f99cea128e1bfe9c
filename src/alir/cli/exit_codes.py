"""Run a command, and exit with the code of the family of its error."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

import typer

from alir.app.printable import say
from alir.errors import AlirError, ConfigError, DependencyError, InputError

if TYPE_CHECKING:
    from alir.app.application import Alir

T = TypeVar("T")

EXIT_CODES = {ConfigError: 3, InputError: 4, DependencyError: 5}
"""By error family; 1 is a defect of alir, 2 wrong usage."""
EXIT_DIFFERENCES = 6
"""Of `alir verify`: folder, ledger and index differ at its end."""
EXIT_INTERRUPTED = 130


@contextmanager
def reported() -> Iterator[None]:
    """Print an error as one sentence, and exit with its family's code."""
    try:
        yield
    except AlirError as error:
        say(f"alir: {error}", err=True)
        family = next(family for family in EXIT_CODES if isinstance(error, family))
        raise typer.Exit(EXIT_CODES[family]) from error
    except KeyboardInterrupt as interrupt:
        say("alir: interrupted; what was written stays, the next run goes on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from interrupt


@contextmanager
def _second_interrupt_ends() -> Iterator[Callable[[], None]]:
    """Yield a function that has a second Ctrl-C end this process at once, while in this context.

    Call it in asyncio's loop, which takes the first one: it cancels, and then waits for threads.
    """
    before = signal.getsignal(signal.SIGINT)

    def arm() -> None:
        first = signal.getsignal(signal.SIGINT)
        if not callable(first) or threading.current_thread() is not threading.main_thread():
            return  # it listens to none, as in the background of a shell
        interrupts = 0

        def interrupted(number: int, frame: FrameType | None) -> None:
            nonlocal interrupts
            interrupts += 1
            if interrupts > 1:
                # The progress bar has hidden the cursor.
                shown = b"\x1b[?25h\n" if sys.stderr.isatty() else b""
                os.write(2, shown + b"alir: interrupted twice, ended at once\n")
                os._exit(EXIT_INTERRUPTED)
            first(number, frame)

        signal.signal(signal.SIGINT, interrupted)

    try:
        yield arm
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def run_with_alir(command: Callable[["Alir"], Awaitable[T]], *, collection: str | None) -> T:
    """Open alir with the settings of the environment, run `command` with it, and close it."""
    with reported(), _second_interrupt_ends() as arm:
        from alir.app.application import Alir  # noqa: PLC0415
        from alir.settings import Settings  # noqa: PLC0415

        async def run() -> T:
            arm()
            async with Alir(Settings.load(collection=collection)) as app:
                return await command(app)

        return asyncio.run(run())
