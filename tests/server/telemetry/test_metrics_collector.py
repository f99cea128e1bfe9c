"""Counters that are read when Prometheus asks."""

from typing import Any

from alir.concurrency.coalescer import Coalescer
from alir.server.telemetry.metrics_collector import _buckets


async def test_calls_are_counted_by_their_size() -> None:
    async def call(_: str, items: Any) -> Any:
        return items

    coalescer = Coalescer(call, max_items=100)
    for count in (1, 1, 2, 3, 4, 7, 8):
        await coalescer("", range(count))

    assert _buckets(coalescer.stats) == [
        *(("1.0", 2.0), ("3.0", 4.0), ("7.0", 6.0), ("15.0", 7.0), ("+Inf", 7.0))
    ]
