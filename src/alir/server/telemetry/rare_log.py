"""Warnings that many clients can cause: one line a second at most."""

import logging
import time
from collections.abc import Callable

INTERVAL_S = 1.0


class RareLog:
    """Logs each kind of warning at most once a second, with how often it came since the last.

    Args:
        name: The logger.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = logging.getLogger(name)
        self._clock = clock
        self._due: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def warn(self, message: str) -> None:
        """Log a warning, or count it for the next line."""
        if (line := self._line(message)) is not None:
            self._log.warning("%s", line)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record, unless it has a stack: a filter of a logger."""
        if record.exc_info:
            return True
        line = self._line(record.getMessage())
        if line is not None:
            record.msg, record.args = line, ()
        return line is not None

    def _line(self, message: str) -> str | None:
        now = self._clock()
        held = self._held.get(message, 0)
        if now < self._due.get(message, 0.0):
            self._held[message] = held + 1
            return None
        self._due[message] = now + INTERVAL_S
        self._held[message] = 0
        return f"{message} ({held} times more since the last of these lines)" if held else message
