"""How much may be asked: by each key, and at once by all."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alir.server.auth.caller import Caller
from alir.server.limits.question_limiter import QuestionLimiter
from alir.server.limits.token_usage import token_usage_recorded
from alir.server.problems import refusal
from alir.steps.agent.budget_tracker import count_tokens
from alir.storage import keys
from alir.storage.service_database import ServiceDatabase


@dataclass(slots=True)
class _TokenBucket:
    """Requests that a key may make now; they come back with time."""

    left: float
    seen_s: float


class RateLimiter:
    """Counts what the keys ask for.

    Args:
        requests_per_minute: of each key, and so many at once; 0 is any number.
        tokens_per_day: that the questions of each key may cost, from midnight UTC; 0 is any number.
        places: for the questions under way at once.
    """

    def __init__(
        self,
        database: ServiceDatabase,
        *,
        requests_per_minute: int,
        tokens_per_day: int,
        places: QuestionLimiter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._per_minute = requests_per_minute
        self._per_day = tokens_per_day
        self.places = places
        self._clock = clock
        self._buckets: dict[str, _TokenBucket] = {}
        self.refused: Counter[str] = Counter()
        """Requests, by what of a key's there was too much."""

    @property
    def under_way(self) -> int:
        """How many questions have a place."""
        return self.places.under_way

    def admit(self, key: str) -> None:
        """Count a request of `key`.

        Raises:
            Refused: it has made too many in the last minute.
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

    @asynccontextmanager
    async def question(self, who: Caller) -> AsyncIterator[None]:
        """Take a place among the questions under way, and count what this costs, in this context.

        Raises:
            Refused: no place was free in time, or the key's tokens of today are spent.
        """
        async with self.places.place(who.key):
            if not self._per_day:
                yield
                return
            if await self._database.run(keys.spent, who.key) >= self._per_day:
                self.refused["tokens"] += 1
                detail = f"The {self._per_day} tokens that a key may cost in a day (UTC) are spent."
                wait_s = str(_until_midnight_s(datetime.now(UTC)))
                raise refusal(429, "Budget Spent", detail, Retry_After=wait_s)
            with token_usage_recorded() as said:
                try:
                    yield
                finally:
                    await self._spend(who, said.texts)

    async def _spend(self, who: Caller, texts: list[str]) -> None:
        """Count what a question has cost; those under way together may go beyond the limit."""
        if tokens := await asyncio.to_thread(count_tokens, texts) if texts else 0:
            await self._database.run(keys.spend, who.key, tokens)


def _until_midnight_s(now: datetime) -> int:
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight - now).total_seconds()) + 1
