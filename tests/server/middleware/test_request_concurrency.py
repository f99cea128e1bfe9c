"""Requests at once: some are served, and begin a few in a turn of the event loop."""

import asyncio
from typing import Any

from alir.server.middleware.request_concurrency import STARTS_PER_TURN, RequestConcurrencyMiddleware
from alir.server.problems import ProblemException


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_crowd_is_refused_with_429_and_health_is_told_all_the_same() -> None:
    release, served = asyncio.Event(), []

    async def app(scope: Any, _: Any, __: Any) -> None:
        served.append(scope["path"])
        await release.wait()

    async def none(*_: Any) -> Any:
        raise AssertionError

    crowd = RequestConcurrencyMiddleware(app, open_paths=["/health/live"], max_requests=2)
    asking = [
        asyncio.create_task(crowd({"type": "http", "path": path}, none, none))
        for path in ("/a", "/b", "/health/live", "/c")
    ]
    await turns()
    release.set()
    ends = await asyncio.gather(*asking, return_exceptions=True)
    await crowd({"type": "http", "path": "/d"}, none, none)

    assert served == ["/a", "/b", "/health/live", "/d"]
    refused = ends[3]
    assert isinstance(refused, ProblemException)
    assert refused.problem.status == 429
    assert (refused.headers or {})["Retry-After"] == "2"


async def test_of_a_crowd_a_few_begin_in_a_turn_in_order_and_what_has_left_takes_no_turn() -> None:
    begun: list[int] = []

    async def app(scope: Any, _: Any, __: Any) -> None:
        begun.append(scope["number"])

    async def none(*_: Any) -> Any:
        raise AssertionError

    crowd = RequestConcurrencyMiddleware(app, open_paths=["/health/live"])

    def asked(number: int, path: str = "/") -> "asyncio.Task[None]":
        scope = {"type": "http", "path": path, "number": number}
        return asyncio.create_task(crowd(scope, none, none))

    count = 5 * STARTS_PER_TURN
    asking = [asked(number) for number in range(count)]
    asking.append(asked(count, "/health/live"))
    await asyncio.sleep(0)
    at_once = list(begun)
    gone = asking[STARTS_PER_TURN]
    gone.cancel()
    most, seen = 0, len(begun)
    while not all(task.done() for task in asking):
        await asyncio.sleep(0)
        most, seen = max(most, len(begun) - seen), len(begun)

    assert at_once == [*range(STARTS_PER_TURN), count]
    assert most == STARTS_PER_TURN
    assert begun == [*at_once, *range(STARTS_PER_TURN + 1, count)]
    assert gone.cancelled()
    again = asked(count + 1)
    await again
    assert begun[-1] == count + 1
