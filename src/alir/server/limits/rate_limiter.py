"""Limits on requests and tokens by key, and on the questions that run at once."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alir.server.auth.caller import Caller
from alir.server.limits.question_limiter import QuestionLimiter
from alir.server.limits.token_usage import token_usage_recorded
from alir.server.problems import refusal
from alir.steps.agent.budget_tracker import count_tokens
from alir.storage import keys
from alir.storage.service_database import ServiceDatabase

BUSY_RETRY_AFTER = "2"
"""Seconds, after a refusal because too much is under way."""


@dataclass(slots=True)
class _TokenBucket:
    """The requests that a key may make now; the bucket refills with time."""

    left: float
    seen_s: float


class RateLimiter:
    """Limits the requests of each key, and what its questions cost.

    Args:
        requests_per_minute: Limit for each key, also for one burst; 0 is no limit.
        tokens_per_day: Limit on the cost of a key's questions, from midnight UTC; 0 is no limit.
        question_limiter: Limits the questions that run at once.
        max_requests_per_key: Limit on the requests of one key that are under way; open streams,
            for example. Without keys everybody is the same caller, and has no such limit.
    """

    def __init__(
        self,
        database: ServiceDatabase,
        *,
        requests_per_minute: int,
        tokens_per_day: int,
        question_limiter: QuestionLimiter,
        max_requests_per_key: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._per_minute = requests_per_minute
        self._per_day = tokens_per_day
        self.question_limiter = question_limiter
        self._clock = clock
        self._max_per_key = max_requests_per_key
        self._under_way: Counter[str] = Counter()
        self._buckets: dict[str, _TokenBucket] = {}
        self.refused: Counter[str] = Counter()
        """Refused requests by the limit that was reached."""

    def count_request(self, key: str) -> None:
        """Count a request of a key.

        Raises:
            ProblemException: The key has made too many in the last minute.
        """
        if not self._per_minute:
            return
        now_s, per_s = self._clock(), self._per_minute / 60
        bucket = self._buckets.setdefault(key, _TokenBucket(self._per_minute, now_s))
        bucket.left = min(self._per_minute, bucket.left + (now_s - bucket.seen_s) * per_s)
        bucket.seen_s = now_s
        if bucket.left < 1:
            self.refused["requests"] += 1
            wait_s = int((1 - bucket.left) / per_s) + 1
            detail = f"A key may make {self._per_minute} requests a minute."
            raise refusal(429, "Too Many Requests", detail, Retry_After=str(wait_s))
        bucket.left -= 1

    @contextmanager
    def request_under_way(self, key: str) -> Iterator[None]:
        """Count a request of a key until it ends.

        Raises:
            ProblemException: As many of the key are under way as may be.
        """
        if key and self._under_way[key] >= self._max_per_key:
            self.refused["requests"] += 1
            detail = f"A key may have {self._max_per_key} requests under way."
            raise refusal(429, "Too Many Requests", detail, Retry_After=BUSY_RETRY_AFTER)
        self._under_way[key] += 1
        try:
            yield
        finally:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]

    @asynccontextmanager
    async def question_slot(self, caller: Caller) -> AsyncIterator[None]:
        """Hold a slot for a question, and count the tokens it costs in this context.

        Raises:
            ProblemException: No slot came free in time, or the key's tokens for today are spent.
        """
        async with self.question_limiter.slot(caller.key):
            if not self._per_day:
                yield
                return
            if await self._database.run_in_thread(keys.tokens_today, caller.key) >= self._per_day:
                self.refused["tokens"] += 1
                detail = f"The {self._per_day} tokens that a key may cost in a day (UTC) are spent."
                wait_s = str(_until_midnight_s(datetime.now(UTC)))
                raise refusal(429, "Budget Spent", detail, Retry_After=wait_s)
            with token_usage_recorded() as usage:
                try:
                    yield
                finally:
                    await self._add_tokens(caller, usage.texts)

    async def _add_tokens(self, caller: Caller, texts: list[str]) -> None:
        """Count the cost of a question; parallel questions together may exceed the limit."""
        if tokens := await asyncio.to_thread(count_tokens, texts) if texts else 0:
            await self._database.run_in_thread(keys.add_tokens, caller.key, tokens)


def _until_midnight_s(now: datetime) -> int:
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - now).total_seconds()) + 1
