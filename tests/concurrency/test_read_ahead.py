"""A stream is read at its own pace, and its reader gets all of it, or its error."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from alir.concurrency.read_ahead import ReadAhead


async def counted(upto: int, done: list[str]) -> AsyncIterator[int]:
    try:
        for number in range(upto):
            await asyncio.sleep(0)
            yield number
        done.append("read")
    except asyncio.CancelledError:
        done.append("cancelled")
        raise


async def test_a_stream_ends_though_nobody_takes_it_and_is_taken_later() -> None:
    done: list[str] = []
    async with ReadAhead(counted(100, done)) as ahead:
        await asyncio.wait({ahead.reading})
        before = list(done)
    taken = [number async for number in ahead.items()]

    assert before == ["read"]
    assert taken == [*range(100)]


async def test_the_end_of_the_context_ends_the_reading() -> None:
    done: list[str] = []
    async with ReadAhead(counted(10**9, done)) as ahead:
        async for number in ahead.items():
            if number == 3:
                break

    assert done == ["cancelled"]


async def test_an_error_of_the_stream_comes_after_what_was_before_it() -> None:
    async def failing() -> AsyncIterator[int]:
        yield 1
        raise KeyError("gone")

    taken: list[int] = []

    async def take() -> None:
        async with ReadAhead(failing()) as ahead:
            async for number in ahead.items():
                taken.append(number)  # noqa: PERF401  what came before the error counts

    with pytest.raises(KeyError):
        await take()

    assert taken == [1]
