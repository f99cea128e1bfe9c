"""One object for each event loop: asyncio's locks and events belong to one loop."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One object for each event loop that asks.

    It goes with its loop: at the latest when another loop asks and that one is closed.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def on_this_loop(self) -> T:
        """Return the running loop's own."""
        loop = asyncio.get_running_loop()
        try:
            return self._made[loop]
        except KeyError:
            self._forget_closed_loops()
            return self._made.setdefault(loop, self._make())

    def _forget_closed_loops(self) -> None:
        # An asyncio lock that was waited for holds its loop, so the weak key alone stays.
        for loop in [reference() for reference in self._made.keyrefs()]:
            if loop is not None and loop.is_closed():
                self._made.pop(loop, None)
