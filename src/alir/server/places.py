"""The places for questions, and the line of those that wait for one: both bounded, and fair."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alir.server.problems import Problem, Refused

BUSY_RETRY_AFTER_S = 2


class Busy(Refused):
    """No place came free in time; asked later, one may."""


class Places:
    """Gives places to questions, in the order they came, and between keys to who has the fewest.

    Args:
        places: how many questions may be under way at once.
        line: how many more may wait for a place.
        longest_wait_s: so long a question waits at most.
    """

    def __init__(self, places: int, *, line: int, longest_wait_s: float) -> None:
        self.most = places
        self._line = line
        self._longest_wait_s = longest_wait_s
        self._held: Counter[str] = Counter()
        # By key, those of its questions that wait; the key that was served longest ago comes first.
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}
        self.under_way = 0
        self.waiting = 0
        self.refused = 0

    @asynccontextmanager
    async def place(self, key: str) -> AsyncIterator[None]:
        """Hold a place for a question of `key`.

        Raises:
            Refused: no place was free in time, or the line is full.
        """
        if self.under_way < self.most:
            self._take(key)
        else:
            await self._wait(key)
        try:
            yield
        finally:
            self._leave(key)

    async def _wait(self, key: str) -> None:
        if self.waiting >= self._line:
            self._make_room(key)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(key, deque()).append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._longest_wait_s):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn in self._lines.get(key, ()):
                self._lines[key].remove(turn)
                self._left_line(key)
            elif not turn.cancelled() and turn.exception() is None:  # its turn came, but too late
                self._leave(key)
            if isinstance(error, TimeoutError):
                raise self._busy() from error
            raise

    def _make_room(self, key: str) -> None:
        """Send the last one away of the key of which most wait, be it this one.

        Raises:
            Refused: it is this one.
        """
        longest = max(self._lines, key=lambda one: len(self._lines[one]), default=key)
        if len(self._lines.get(longest, ())) <= len(self._lines.get(key, ())) + 1:
            raise self._busy()
        turn = self._lines[longest].pop()
        self._left_line(longest)
        if not turn.cancelled():
            turn.set_exception(self._busy())

    def _take(self, key: str) -> None:
        self.under_way += 1
        self._held[key] += 1

    def _leave(self, key: str) -> None:
        self.under_way -= 1
        self._held[key] -= 1
        if not self._held[key]:
            del self._held[key]
        while self._lines and self.under_way < self.most:
            # Among equals the first, and who has been served becomes the last.
            following = min(self._lines, key=lambda one: self._held[one])
            line = self._lines.pop(following)
            self._lines[following] = line
            turn = line.popleft()
            self._left_line(following)
            if not turn.cancelled():  # it has given up, though it does not know that yet
                turn.set_result(None)
                self._take(following)

    def _left_line(self, key: str) -> None:
        self.waiting -= 1
        if not self._lines[key]:
            del self._lines[key]

    def _busy(self) -> Busy:
        self.refused += 1
        detail = f"{self.most} questions are under way, as many as may be, and no place came free."
        problem = Problem(title="Busy", status=429, detail=detail)
        return Busy(problem, {"Retry-After": str(BUSY_RETRY_AFTER_S)})
