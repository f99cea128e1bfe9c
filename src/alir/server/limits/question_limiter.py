"""The places for questions, and the line of those that wait for one: both bounded, and fair.

Questions that wait for a language model cost the event loop nothing; questions that compute share
it, and so many at once that it is late make each other, and everything else, wait. So there are
fewer places while it is late.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alir.server.problems import ProblemException
from alir.server.schemas.problems import Problem

BUSY_RETRY_AFTER_S = 2
LATE_S = 0.02
"""So late the event loop is too late: a look comes late by up to three of its turns."""
FEWEST = 8
"""Places, however late it is: it may be late for other reasons."""


class TooManyQuestions(ProblemException):
    """No place came free in time; asked later, one may."""


class QuestionLimiter:
    """Gives places to questions, in the order they came, and between keys to who has the fewest.

    Args:
        places: how many questions may be under way at once.
        line: how many more may wait for a place.
        longest_wait_s: so long a question waits at most.
    """

    def __init__(self, places: int, *, line: int, longest_wait_s: float) -> None:
        self._most = places
        self.allowed = places
        """How many may be under way now."""
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
        if self.under_way < self.allowed:
            self._take(key)
        else:
            await self._wait(key)
        try:
            yield
        finally:
            self._leave(key)

    def follow(self, lag_s: float) -> None:
        """Allow fewer questions if the event loop is late, and one more if it is well in time.

        As many as there are stay; of places that come free, some are not given again. They become
        fewer by a quarter and more by one: additive increase, multiplicative decrease.
        """
        if lag_s > LATE_S and self.under_way >= self.allowed > FEWEST:
            self.allowed = max(FEWEST, self.allowed * 3 // 4)
        elif lag_s < LATE_S / 2 and self.allowed < self._most:
            self.allowed += 1
            self._give()

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
        self._give()

    def _give(self) -> None:
        """Give the places that are free to who waits."""
        while self._lines and self.under_way < self.allowed:
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

    def _busy(self) -> TooManyQuestions:
        self.refused += 1
        detail = f"{self.allowed} questions may be under way now, and no place came free."
        problem = Problem(title="Busy", status=429, detail=detail)
        return TooManyQuestions(problem, {"Retry-After": str(BUSY_RETRY_AFTER_S)})
