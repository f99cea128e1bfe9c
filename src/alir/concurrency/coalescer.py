"""Small awaits in, big calls out.

Many callers each await the results of a few items; underneath, the items that wait together go
out as one call. A lone call goes out at once, and what comes while calls are under way forms the
next one. There is no timer: no item waits for others to come.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from time import perf_counter
from typing import Generic, TypeVar, cast

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class CoalescerStats:
    """What went through since the beginning, and what waits now."""

    calls: int = 0
    items: int = 0
    """Items that went out; with `calls`, the mean size of a call."""
    largest_call: int = 0
    sizes: Counter[int] = field(default_factory=Counter)
    """Calls by the bits of their size: n counts those of less than 2 ** n items, and no fewer than
    half of that."""
    waiting: int = 0
    """Items that have not gone out yet."""
    waited_s: float = 0.0
    """Seconds that items waited to go out, all together."""
    longest_wait_s: float = 0.0


class _Request(Generic[Item, Result]):
    """One caller's items, and what became of them so far."""

    __slots__ = ("came", "done", "error", "items", "results", "sizes", "taken", "unsettled")

    def __init__(
        self, items: Sequence[Item], sizes: Sequence[int], done: "asyncio.Future[list[Result]]"
    ) -> None:
        self.items = items
        self.sizes = sizes
        self.done = done
        self.came = perf_counter()
        self.taken = 0
        self.unsettled = len(items)
        self.results: list[Result] = [cast("Result", None)] * len(items)
        self.error: Exception | None = None


_Batch = list[tuple[_Request[Item, Result], int]]
"""Items on their way: each one's request, and its position in it."""


class Coalescer(Generic[Key, Item, Result]):
    """Gathers the items of concurrent callers into calls of bounded size.

    It belongs to the event loop that first uses it; see `PerLoop` for more than one.

    Args:
        call: takes a key and items that came with it, returns their results in order. What it
            does before it returns an awaitable is done at once.
        max_items: items in one call at most.
        max_bytes: bytes in one call at most, by `size_bytes`; a larger item goes out alone.
        in_flight: calls under way at once.
        max_callers: callers served at once; one more waits for its turn.
        is_divisible: whether an error may be the fault of one item alone. A failed call is then
            halved until the item is found, and only its caller gets the error.
        woken_at_once: callers that go on in one turn of the event loop. Where what they do next
            takes milliseconds, a hundred of them would keep everything else waiting.
    """

    def __init__(
        self,
        call: Callable[[Key, Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        max_items: int,
        max_bytes: float = float("inf"),
        size_bytes: Callable[[Item], int] = lambda _: 0,
        in_flight: int = 1,
        max_callers: int = 100_000,
        is_divisible: Callable[[Exception], bool] = lambda _: False,
        woken_at_once: float = float("inf"),
    ) -> None:
        self.stats = CoalescerStats()
        self._call = call
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._size_bytes = size_bytes
        self._in_flight = in_flight
        self._is_divisible = is_divisible
        self._woken_at_once = woken_at_once
        self._room = asyncio.Semaphore(max_callers)
        self._waiting: dict[Key, deque[_Request[Item, Result]]] = {}
        self._waiting_bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduled = False

    async def __call__(self, key: Key, items: Sequence[Item]) -> list[Result]:
        """Return the results of `items`, in order. Items of one call all have the same key.

        Raises whatever `call` raised for one of them. Cancelling this await takes back the items
        that are not under way yet, and harms no other caller.
        """
        if not items:
            return []
        async with self._room:
            sizes = [self._size_bytes(item) for item in items]
            # Without its parameters: to make a generic alias takes longer than all of this.
            request: _Request[Item, Result] = _Request(items, sizes, asyncio.Future())
            self._waiting.setdefault(key, deque()).append(request)
            self.stats.waiting += len(items)
            self._waiting_bytes += sum(sizes)
            self._schedule()
            try:
                return await request.done
            except asyncio.CancelledError:
                self.stats.waiting -= len(items) - request.taken
                self._waiting_bytes -= sum(sizes[request.taken :])
                request.taken = len(items)
                raise

    async def drain(self) -> None:
        """Return when everything taken has come back, also what its callers gave up."""
        self._dispatch()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _schedule(self) -> None:
        # Not at once: all callers that are ready in this turn of the event loop come along.
        if len(self._tasks) >= self._in_flight:
            return
        if self.stats.waiting >= self._max_items or self._waiting_bytes >= self._max_bytes:
            self._dispatch()
        elif not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._scheduled = False
        while self._waiting and len(self._tasks) < self._in_flight:
            key = next(iter(self._waiting))
            requests = self._waiting.pop(key)
            batch = self._take(requests)
            if requests:
                self._waiting[key] = requests  # behind the other keys
            if batch:
                # In no caller's context: the call is made for all of them.
                context = Context()
                called = context.run(self._called, key, batch)
                sending = self._send(key, batch, called)
                task = asyncio.get_running_loop().create_task(sending, context=context)
                self._tasks.add(task)
                task.add_done_callback(self._sent)

    def _sent(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._dispatch()

    def _take(self, requests: deque[_Request[Item, Result]]) -> _Batch[Item, Result]:
        """Take the next call's items off `requests`: an equal share of each caller's in turn."""
        batch: _Batch[Item, Result] = []
        size_bytes = 0
        share = self._max_items // len(requests) or 1
        full = False
        while requests and not full:
            request = requests.popleft()
            for index in range(request.taken, min(len(request.items), request.taken + share)):
                size_bytes += request.sizes[index]
                too_large = bool(batch) and size_bytes > self._max_bytes
                full = too_large or len(batch) == self._max_items
                if full:
                    break
                batch.append((request, index))
                request.taken += 1
                self._waiting_bytes -= request.sizes[index]
            if full:
                requests.appendleft(request)
            elif request.taken < len(request.items):
                requests.append(request)
        if batch:
            self._count(batch)
        return batch

    def _count(self, batch: _Batch[Item, Result]) -> None:
        stats, now = self.stats, perf_counter()
        stats.calls += 1
        stats.sizes[len(batch).bit_length()] += 1
        stats.items += len(batch)
        stats.largest_call = max(stats.largest_call, len(batch))
        stats.waiting -= len(batch)
        waits = [now - request.came for request, _ in batch]
        stats.waited_s += sum(waits)
        stats.longest_wait_s = max([stats.longest_wait_s, *waits])

    def _called(self, key: Key, batch: _Batch[Item, Result]) -> Awaitable[Sequence[Result]]:
        try:
            return self._call(key, [request.items[index] for request, index in batch])
        except Exception as error:  # noqa: BLE001  raised where it is awaited
            failed: asyncio.Future[Sequence[Result]] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    async def _send(
        self, key: Key, batch: _Batch[Item, Result], called: Awaitable[Sequence[Result]]
    ) -> None:
        try:
            results = await called
            settled = list(zip(batch, results, strict=True))
            woken = 0
            for (request, index), result in settled:
                request.results[index] = result
                if _settle(request):
                    woken += 1
                    if woken >= self._woken_at_once:
                        woken = 0
                        await asyncio.sleep(0)
        except asyncio.CancelledError:
            for request, _ in batch:
                request.done.cancel()
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, its callers get it
            if len(batch) > 1 and self._is_divisible(error):
                middle = len(batch) // 2
                for half in (batch[:middle], batch[middle:]):
                    await self._send(key, half, self._called(key, half))
                return
            for request, _ in batch:
                request.error = request.error or error
                _settle(request)


def _settle(request: "_Request[Item, Result]") -> bool:
    """Note that one more item came back; return whether it was the last, and the caller goes on."""
    request.unsettled -= 1
    if request.unsettled or request.done.done():
        return False
    if request.error is not None:
        request.done.set_exception(request.error)
    else:
        request.done.set_result(request.results)
    return True
