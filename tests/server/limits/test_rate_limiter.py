"""How much may be asked: what is too much is refused, and says when to come again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alir.server.limits.question_limiter import QuestionLimiter
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.problems import ProblemException
from alir.storage.service_database import ServiceDatabase


async def test_a_key_that_asks_too_often_waits_and_others_do_not(
    serving: Callable[..., Any],
) -> None:
    async with serving(requests_per_minute=3) as served:
        one, other = await served.caller("read"), await served.caller("read")
        statuses = [(await one.get("/v1/sources")).status_code for _ in range(3)]
        refused = await one.get("/v1/sources")
        others = await other.get("/v1/sources")
        health = await one.get("/health/live")

    assert statuses == [200] * 3
    assert (refused.status_code, others.status_code, health.status_code) == (429, 200, 200)
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert refused.json()["title"] == "Too Many Requests"


def test_a_key_has_so_many_requests_under_way_and_without_keys_there_is_no_limit(
    desk: Path,
) -> None:
    limits = RateLimiter(
        ServiceDatabase(desk / "x"),
        requests_per_minute=0,
        tokens_per_day=0,
        question_limiter=QuestionLimiter(1, max_waiting=0, wait_timeout_s=1),
        max_requests_per_key=2,
    )
    with limits.request_under_way("a"), limits.request_under_way("a"):
        with pytest.raises(ProblemException) as refused, limits.request_under_way("a"):
            pass
        with limits.request_under_way("b"):
            pass
    with limits.request_under_way("a"), limits.request_under_way("a"):
        pass
    with limits.request_under_way(""), limits.request_under_way(""), limits.request_under_way(""):
        pass

    assert refused.value.problem.status == 429
    assert (refused.value.headers or {})["Retry-After"] == "2"


def test_requests_come_back_with_time(desk: Path) -> None:
    now = 0.0
    limits = RateLimiter(
        ServiceDatabase(desk / "x"),
        requests_per_minute=60,
        tokens_per_day=0,
        question_limiter=QuestionLimiter(1, max_waiting=0, wait_timeout_s=1),
        max_requests_per_key=1,
        clock=lambda: now,
    )
    for _ in range(60):
        limits.count_request("a")
    with pytest.raises(ProblemException):
        limits.count_request("a")
    now = 2.0
    limits.count_request("a")
    limits.count_request("a")
    with pytest.raises(ProblemException):
        limits.count_request("a")
    now = 1e6  # no more than a minute's are saved
    for _ in range(60):
        limits.count_request("a")
    with pytest.raises(ProblemException):
        limits.count_request("a")
