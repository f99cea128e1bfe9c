"""A stream that is read to its end at its own pace, whatever its reader takes."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """Reads a stream inside a context; what is not taken yet is kept.

    The context's end cancels the reading. `items` also gives what was read before.
    """

    def __init__(self, stream: AsyncIterable[T]) -> None:
        self._stream = stream
        self._items: asyncio.Queue[tuple[T] | None] = asyncio.Queue()
        self.reading: asyncio.Task[None]
        """Ends when the stream has."""

    async def __aenter__(self) -> Self:
        self.reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.reading.cancel()
        await asyncio.wait({self.reading})
        if not self.reading.cancelled():
            self.reading.exception()  # `items` raises it, if somebody still takes them

    async def items(self) -> AsyncIterator[T]:
        """Yield the items of the stream; raise what it raised."""
        while (item := await self._items.get()) is not None:
            yield item[0]
        await asyncio.wait({self.reading})
        if not self.reading.cancelled():
            self.reading.result()

    async def _read(self) -> None:
        try:
            async for item in self._stream:
                self._items.put_nowait((item,))
        finally:
            self._items.put_nowait(None)
