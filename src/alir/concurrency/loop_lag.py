"""The lag of the event loop: how long a callback waits for its turn."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

INTERVAL_S = 0.1
"""Between measurements."""
REMEMBERED = 600
"""Measurements, of about a minute."""


class LoopLag:
    """Measures the lag of the event loop again and again, and calls its `listeners`."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[float], object]] = []
        """Called with each lag, in seconds."""
        self._lags: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def worst_s(self) -> float:
        """The longest lag in the last minute."""
        return max(self._lags, default=0.0)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[None]:
        """Measure in the background until the block ends."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + INTERVAL_S
            await asyncio.sleep(INTERVAL_S)
            self.add_lag(clock() - due)

    def add_lag(self, lag_s: float) -> None:
        """Record one lag."""
        lag_s = max(0.0, lag_s)
        self._lags.append(lag_s)
        for listener in self.listeners:
            listener(lag_s)
