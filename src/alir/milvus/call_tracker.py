"""The calls that are under way, for a store that is to be closed after the last of them."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


class CallTracker:
    """The calls under way on one event loop; each is counted while it is in this context."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._count -= 1
        if not self._count:
            self._none.set()

    async def ended(self) -> None:
        """Return when no call is under way."""
        while self._count:
            self._none.clear()
            await self._none.wait()


def counted(method: Method) -> Method:
    """Count the calls of `method` among its object's `_calls`, a `PerLoop[Calls]`."""

    @wraps(method)
    async def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        with self._calls.here():
            return await method(self, *args, **kwargs)

    return cast("Method", call)
