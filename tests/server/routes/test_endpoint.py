"""Endpoints: each path and method of a service once, with a summary and a documented handler."""

from collections import Counter
from typing import Any


async def test_each_endpoint_is_there_once_and_is_documented(served: Any) -> None:
    endpoints = served.service.endpoints
    counts = Counter((one.method, one.path) for one in endpoints)

    assert {*counts.values()} == {1}
    assert [one.path for one in endpoints if not (one.summary and one.handler.__doc__)] == []


async def test_only_the_health_endpoints_are_open_and_no_open_one_is_a_question(
    served: Any,
) -> None:
    is_open = [one for one in served.service.endpoints if one.scope == "open"]

    assert {one.path for one in is_open} == {"/health/live", "/health/ready"}
    assert not any(one.is_question for one in is_open)
