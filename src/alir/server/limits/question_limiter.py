"""A limit on the questions that run at once, and a bounded, fair queue for those that wait.

Questions that wait for a language model cost the event loop nothing. Questions that compute share
it, and too many at once delay each other and everything else. So fewer may run while it is late.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alir.server.problems import ProblemException
from alir.server.schemas.problems import Problem

BUSY_RETRY_AFTER_S = 2
LATE_S = 0.02
"""The event loop is late above this: the check itself comes late by up to three turns."""
MIN_ALLOWED = 8
"""Questions that may run however late it is: it may be late for other reasons."""


class TooManyQuestions(ProblemException):
    """No question ended in time; a later attempt may succeed."""


class QuestionLimiter:
    """Gives slots to questions: first the key with the fewest slots, then in order of arrival.

    Args:
        max_active: The most questions that run at once.
        max_waiting: The most questions that wait for a slot.
        wait_timeout_s: The longest that one waits.
    """

    def __init__(self, max_active: int, *, max_waiting: int, wait_timeout_s: float) -> None:
        self._max_active = max_active
        self.allowed = max_active
        """How many may run now."""
        self._max_waiting = max_waiting
        self._wait_timeout_s = wait_timeout_s
        self._active_by_key: Counter[str] = Counter()
        # The waiting questions by key; the key that was served longest ago comes first.
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        self.active = 0
        self.waiting = 0
        self.refused = 0

    @asynccontextmanager
    async def slot(self, key: str) -> AsyncIterator[None]:
        """Hold a slot for a question of a key.

        Raises:
            TooManyQuestions: No slot came free in time, or the queue is full.
        """
        if self._admits(key):
            self._acquire(key)
        else:
            await self._wait(key)
        try:
            yield
        finally:
            self._release(key)

    def adjust(self, lag_s: float) -> None:
        """Allow fewer questions while the event loop is late, and one more while it is in time.

        Running questions stay. The limit falls by a quarter and rises by one: additive increase,
        multiplicative decrease.
        """
        if lag_s > LATE_S and self._is_full and self.allowed > MIN_ALLOWED:
            self.allowed = max(MIN_ALLOWED, self.allowed * 3 // 4)
        elif lag_s < LATE_S / 2 and self.allowed < self._max_active:
            self.allowed += 1
            self._dispatch()

    async def _wait(self, key: str) -> None:
        if self.waiting >= self._max_waiting:
            self._drop_longest(key)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, deque()).append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._wait_timeout_s):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn in self._queues.get(key, ()):
                self._queues[key].remove(turn)
                self._left_queue(key)
            elif not turn.cancelled() and turn.exception() is None:  # it got a slot, but too late
                self._release(key)
            if isinstance(error, TimeoutError):
                raise self._busy() from error
            raise

    def _drop_longest(self, key: str) -> None:
        """Refuse the last question of the key with the longest queue.

        Raises:
            TooManyQuestions: It is this key.
        """
        longest = max(self._queues, key=lambda one: len(self._queues[one]), default=key)
        if len(self._queues.get(longest, ())) <= len(self._queues.get(key, ())) + 1:
            raise self._busy()
        turn = self._queues[longest].pop()
        self._left_queue(longest)
        if not turn.cancelled():
            turn.set_exception(self._busy())

    def _admits(self, key: str) -> bool:
        """Return whether a question of a key may start now.

        The last eighth of the slots is for keys that have none: one key cannot hold them all.
        Without keys everybody is the same caller.
        """
        has_one = bool(key) and key in self._active_by_key
        return self.active < self.allowed - (self._reserved if has_one else 0)

    @property
    def _is_full(self) -> bool:
        """Whether no question starts of a key that has one under way."""
        return self.active >= self.allowed - self._reserved

    @property
    def _reserved(self) -> int:
        return max(1, self.allowed // 8) if self.allowed > 1 else 0

    def _acquire(self, key: str) -> None:
        self.active += 1
        self._active_by_key[key] += 1

    def _release(self, key: str) -> None:
        self.active -= 1
        self._active_by_key[key] -= 1
        if not self._active_by_key[key]:
            del self._active_by_key[key]
        self._dispatch()

    def _dispatch(self) -> None:
        """Give the free slots to waiting questions."""
        while waiting := [key for key in self._queues if self._admits(key)]:
            # The first among equals; the key that is served goes to the end.
            following = min(waiting, key=lambda one: self._active_by_key[one])
            queue = self._queues.pop(following)
            self._queues[following] = queue
            turn = queue.popleft()
            self._left_queue(following)
            if not turn.cancelled():  # it timed out, but has not run since
                turn.set_result(None)
                self._acquire(following)

    def _left_queue(self, key: str) -> None:
        self.waiting -= 1
        if not self._queues[key]:
            del self._queues[key]

    def _busy(self) -> TooManyQuestions:
        self.refused += 1
        detail = f"{self.allowed} questions may be under way now, and no place came free."
        problem = Problem(title="Busy", status=429, detail=detail)
        return TooManyQuestions(problem, {"Retry-After": str(BUSY_RETRY_AFTER_S)})
