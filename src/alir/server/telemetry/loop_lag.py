"""How late the event loop is: what waits its turn there, a question say, waits so long more."""

import asyncio
from collections import deque
from collections.abc import Callable

INTERVAL_S = 0.1
"""Between looks."""
REMEMBERED = 600
"""Looks, of about a minute."""


class LoopLag:
    """Looks again and again by how much the event loop is late.

    Args:
        observe: called with each lag, in seconds.
    """

    def __init__(self, observe: Callable[[float], object]) -> None:
        self._observe = observe
        self._lags: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def worst_s(self) -> float:
        """The longest lag in the last minute."""
        return max(self._lags, default=0.0)

    async def watch(self) -> None:
        """Look until this is cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + INTERVAL_S
            await asyncio.sleep(INTERVAL_S)
            self.look(clock() - due)

    def look(self, lag_s: float) -> None:
        """Take in one lag."""
        lag_s = max(0.0, lag_s)
        self._lags.append(lag_s)
        self._observe(lag_s)
