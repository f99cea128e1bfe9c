"""Retries: the only layer that makes a failed call to Milvus again.

pymilvus's own are off (`retry_on_rpc_failure`: until the timeout, without jitter, and of inserts
too, though only their acknowledgement may be lost), and so are gRPC's; see `connection.py`. So a
call that fails comes here at once, and nothing below has repeated anything.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from alir.errors import AlirError, DependencyError, MilvusTimeout
from alir.milvus.client.outages import OutageMonitor

T = TypeVar("T")

QUICK_RETRIES = 2
"""Of a call with a caller that waits for the answer; together they take 0.3 s at most."""
FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 2.0
BACKOFF = wait_random_exponential(multiplier=FIRST_DELAY_S, max=LONGEST_DELAY_S)
"""Full jitter: a delay is anything from nothing to a bound that doubles, up to the longest."""


class Sleep(Protocol):
    """Wait for some seconds, as `asyncio.sleep` does."""

    def __call__(self, seconds: float, /) -> Awaitable[None]: ...


def always() -> bool:
    """Say that a call may be made again."""
    return True


class Retrier:
    """The calls to one Milvus that are made again, all on the event loop that owns its client.

    Args:
        outage_s: longest wait for a Milvus that is gone, of calls that wait for it; 0 is never.
    """

    def __init__(
        self,
        *,
        outage_s: float = 0.0,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outages = OutageMonitor(clock)
        self.failures: Counter[str] = Counter()
        """Attempts that failed, by the name of the error."""
        self.has_answered = False
        """Whether a call has ever succeeded."""
        self._outage_s = outage_s
        self._sleep = sleep
        self._clock = clock
        self._may_wait = True
        self._waits: set[asyncio.Timeout] = set()

    async def repeat(
        self,
        attempt: Callable[[], Awaitable[T]],
        error: AlirError,
        *,
        waits: bool = False,
        repeatable: Callable[[], bool] = always,
    ) -> T:
        """Make a call again that failed with `error`, while its error may pass.

        Args:
            waits: for a Milvus that is gone, once it has answered: one that never did is more
                likely a wrong address. Otherwise only a few quick repeats are made.
            repeatable: asked after a failure whether the call may be made again.

        Raises:
            AlirError: the last failure.
        """
        self.failures[type(error).__name__] += 1
        if not (isinstance(error, DependencyError) and error.retryable and repeatable()):
            raise error
        waits = waits and self._outage_s > 0 and self.has_answered and self._may_wait
        repeat = self._wait if waits else self._repeat_quickly
        return await repeat(attempt, error, repeatable)

    def stop_waiting(self) -> None:
        """Stop all calls from waiting, from now on: the connection is about to be closed."""
        self._may_wait = False
        while self._waits:
            self._waits.pop().reschedule(0)

    def wait_again(self) -> None:
        """Let calls wait again."""
        self._may_wait = True

    def _resumed(
        self, attempt: Callable[[], Awaitable[T]], failed: DependencyError
    ) -> Callable[[], Awaitable[T]]:
        """Return `attempt` as if it had not failed yet: for tenacity the first failure comes."""
        first = [failed]

        async def resumed() -> T:
            if first:
                raise first.pop()
            try:
                return await attempt()
            except AlirError as error:
                self.failures[type(error).__name__] += 1
                raise

        return resumed

    async def _repeat_quickly(
        self,
        attempt: Callable[[], Awaitable[T]],
        failed: DependencyError,
        repeatable: Callable[[], bool],
    ) -> T:
        def may_pass(error: BaseException) -> bool:
            # What timed out has taken its time already.
            return _may_pass(error) and repeatable() and not isinstance(error, MilvusTimeout)

        retrying: AsyncRetrying = AsyncRetrying(
            retry=retry_if_exception(may_pass),
            stop=lambda state: state.attempt_number > QUICK_RETRIES,
            wait=BACKOFF,
            sleep=self._sleep,
            reraise=True,
        )
        return await retrying(self._resumed(attempt, failed))

    async def _wait(
        self,
        attempt: Callable[[], Awaitable[T]],
        failed: DependencyError,
        repeatable: Callable[[], bool],
    ) -> T:
        began, last = self._clock(), failed

        def announce(state: RetryCallState) -> None:
            nonlocal last
            error = state.outcome and state.outcome.exception()
            assert isinstance(error, DependencyError)  # noqa: S101  the only one that is repeated
            last = error
            # A hiccup that one quick repeat gets over is not announced.
            if state.attempt_number > 1 or isinstance(error, MilvusTimeout):
                self.outages.announce(str(error), waits_s=self._outage_s)

        retrying: AsyncRetrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: _may_pass(error) and repeatable()),
            stop=lambda _: self._clock() - began >= self._outage_s,
            wait=BACKOFF,
            sleep=self._sleep,
            before_sleep=announce,
            reraise=True,
        )
        try:
            async with asyncio.timeout(None) as wait:
                self._waits.add(wait)
                try:
                    with self.outages.waiting():
                        return await retrying(self._resumed(attempt, failed))
                finally:
                    self._waits.discard(wait)
        except TimeoutError:  # `stop_waiting` was called
            raise last from None


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, DependencyError) and error.retryable
