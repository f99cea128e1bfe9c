"""The coalescer: everybody gets what is theirs, in order, whatever happens to the others."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alir.concurrency.coalescer import Coalescer


class Wire:
    """What the coalescer calls: doubles numbers, remembers its calls, and can be held shut."""

    def __init__(self, bad: frozenset[int] = frozenset()) -> None:
        self.calls: list[tuple[str, list[int]]] = []
        self.bad = bad
        self.open = asyncio.Event()
        self.open.set()
        self.under_way = 0
        self.most_under_way = 0

    async def __call__(self, key: str, items: Sequence[int]) -> list[int]:
        self.calls.append((key, list(items)))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(0)
            await self.open.wait()
        finally:
            self.under_way -= 1
        if found := self.bad & set(items):
            raise ValueError(f"{sorted(found)}")
        return [2 * item for item in items]

    @property
    def sizes(self) -> list[int]:
        return [len(items) for _, items in self.calls]


def run(work: Awaitable[Any]) -> Any:
    async def main() -> Any:
        return await work

    return asyncio.run(main())


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


requests = st.lists(
    st.tuples(st.sampled_from("ab"), st.lists(st.integers(0, 1000), max_size=12)), max_size=25
)
limits = st.fixed_dictionaries(
    {
        "max_items": st.integers(1, 9),
        "max_bytes": st.integers(1, 40),
        "in_flight": st.integers(1, 4),
        "max_callers": st.integers(1, 30),
    }
)


@settings(max_examples=200, deadline=None)
@given(requests, limits)
def test_everybody_gets_their_own_results_in_order(
    asked: list[tuple[str, list[int]]], bounds: dict[str, int]
) -> None:
    async def main() -> None:
        wire = Wire()
        coalescer = Coalescer(wire, size_bytes=lambda item: item % 20, **bounds)

        answers = await asyncio.gather(*(coalescer(key, items) for key, items in asked))

        assert answers == [[2 * item for item in items] for _, items in asked]
        assert all(size <= bounds["max_items"] for size in wire.sizes)
        for _, items in wire.calls:
            size_bytes = sum(item % 20 for item in items)
            assert size_bytes <= bounds["max_bytes"] or len(items) == 1
        assert wire.most_under_way <= bounds["in_flight"]
        for key in "ab":
            sent = [item for k, items in wire.calls if k == key for item in items]
            assert sorted(sent) == sorted(i for k, items in asked if k == key for i in items)
        stats = coalescer.stats
        assert (stats.waiting, stats.items) == (0, sum(wire.sizes))
        assert (stats.calls, stats.largest_call) == (len(wire.calls), max(wire.sizes, default=0))

    asyncio.run(main())


@settings(max_examples=200, deadline=None)
@given(requests, limits, st.frozensets(st.integers(0, 1000), max_size=5))
def test_a_bad_item_fails_its_own_caller_and_nobody_else(
    asked: list[tuple[str, list[int]]], bounds: dict[str, int], drawn: frozenset[int]
) -> None:
    some = [item for _, items in asked for item in items][:3]

    async def main() -> None:
        bad = drawn | set(some)
        wire = Wire(bad)
        divisible = Coalescer(wire, is_divisible=lambda e: isinstance(e, ValueError), **bounds)

        answers = await asyncio.gather(
            *(divisible(key, items) for key, items in asked), return_exceptions=True
        )

        for (_, items), answer in zip(asked, answers, strict=True):
            if bad.intersection(items):
                assert isinstance(answer, ValueError)
                assert str(answer) in {f"[{item}]" for item in bad.intersection(items)}
            else:
                assert answer == [2 * item for item in items]

    asyncio.run(main())


@settings(max_examples=200, deadline=None)
@given(requests, limits, st.data())
def test_who_gives_up_harms_nobody(
    asked: list[tuple[str, list[int]]], bounds: dict[str, int], data: st.DataObject
) -> None:
    given_up = data.draw(st.sets(st.integers(0, max(0, len(asked) - 1))))
    after = data.draw(st.integers(0, 6))

    async def main() -> None:
        wire = Wire()
        coalescer = Coalescer(wire, size_bytes=lambda item: item % 20, **bounds)
        tasks = [asyncio.ensure_future(coalescer(key, items)) for key, items in asked]
        await turns(after)
        for position in given_up:
            if position < len(tasks):
                tasks[position].cancel()

        answers = await asyncio.gather(*tasks, return_exceptions=True)

        for position, ((_, items), answer) in enumerate(zip(asked, answers, strict=True)):
            if position not in given_up:
                assert answer == [2 * item for item in items]
        await coalescer.drain()
        assert (coalescer.stats.waiting, coalescer._waiting_bytes, wire.under_way) == (0, 0, 0)

    asyncio.run(main())


async def test_a_lone_call_goes_out_at_once() -> None:
    wire = Wire()
    coalescer = Coalescer(wire, max_items=100)
    task = asyncio.ensure_future(coalescer("a", [1]))

    await turns(3)

    assert wire.calls == [("a", [1])]
    assert await task == [2]


async def test_what_is_asked_for_in_one_turn_goes_out_as_one_call() -> None:
    wire = Wire()
    coalescer = Coalescer(wire, max_items=100)

    await asyncio.gather(*(coalescer("a", [n]) for n in range(100)))

    assert wire.sizes == [100]


async def test_what_comes_while_a_call_is_under_way_forms_the_next_one() -> None:
    wire = Wire()
    wire.open.clear()
    coalescer = Coalescer(wire, max_items=100)
    tasks = []
    for n in range(10):
        tasks.append(asyncio.ensure_future(coalescer("a", [n])))
        await turns()

    assert wire.sizes == [1]
    wire.open.set()
    await asyncio.gather(*tasks)

    assert wire.sizes == [1, 9]


async def test_one_with_little_does_not_wait_for_one_with_much() -> None:
    wire = Wire()
    coalescer = Coalescer(wire, max_items=10)
    much = asyncio.ensure_future(coalescer("a", range(1000)))
    little = asyncio.ensure_future(coalescer("a", [5000]))

    assert await little == [10_000]
    assert len(wire.calls) <= 3

    assert await much == [2 * n for n in range(1000)]


async def test_a_key_does_not_wait_for_all_of_another() -> None:
    wire = Wire()
    coalescer = Coalescer(wire, max_items=10)
    much = asyncio.ensure_future(coalescer("a", range(1000)))
    other = asyncio.ensure_future(coalescer("b", [1]))

    await other

    assert "b" in [key for key, _ in wire.calls][:3]
    await much


async def test_items_taken_back_in_time_are_not_sent() -> None:
    wire = Wire()
    wire.open.clear()
    coalescer = Coalescer(wire, max_items=10)
    first = asyncio.ensure_future(coalescer("a", [1]))
    await turns()
    second = asyncio.ensure_future(coalescer("a", [2]))
    third = asyncio.ensure_future(coalescer("a", [3]))
    await turns()

    second.cancel()
    await turns()
    wire.open.set()
    await asyncio.gather(first, third)

    assert wire.calls == [("a", [1]), ("a", [3])]
    assert second.cancelled()


async def test_an_error_that_is_nobodys_own_reaches_everybody_of_the_call() -> None:
    wire = Wire(bad=frozenset([1]))
    coalescer = Coalescer(wire, max_items=10)

    answers = await asyncio.gather(*(coalescer("a", [n]) for n in range(3)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [ValueError] * 3
    assert wire.sizes == [3]


async def test_an_answer_of_another_length_is_an_error_not_a_shift() -> None:
    async def short(_: str, items: Sequence[int]) -> list[int]:
        return list(items)[1:]

    coalescer = Coalescer(short, max_items=10)

    with pytest.raises(ValueError, match="shorter"):
        await coalescer("a", [1, 2])


async def test_more_callers_than_there_is_room_for_wait_their_turn() -> None:
    wire = Wire()
    wire.open.clear()
    coalescer = Coalescer(wire, max_items=1, max_callers=5)
    tasks = [asyncio.ensure_future(coalescer("a", [n])) for n in range(20)]
    await turns(50)

    assert coalescer.stats.waiting == 4  # and one under way

    wire.open.set()
    assert await asyncio.gather(*tasks) == [[2 * n] for n in range(20)]
    assert [items[0] for _, items in wire.calls] == list(range(20))


async def test_draining_waits_for_what_was_taken_and_is_not_the_end() -> None:
    wire = Wire()
    coalescer = Coalescer(wire, max_items=3)
    tasks = [asyncio.ensure_future(coalescer("a", [n])) for n in range(10)]
    await turns(1)

    await coalescer.drain()

    assert sorted(n for _, items in wire.calls for n in items) == list(range(10))
    assert await asyncio.gather(*tasks) == [[2 * n] for n in range(10)]
    assert await coalescer("a", [1]) == [2]


async def test_draining_waits_for_what_is_under_way_though_its_caller_gave_up() -> None:
    wire = Wire()
    wire.open.clear()
    coalescer = Coalescer(wire, max_items=3)
    given_up = asyncio.ensure_future(coalescer("a", [1]))
    await turns()
    given_up.cancel()
    draining = asyncio.ensure_future(coalescer.drain())
    await turns()
    assert not draining.done()
    wire.open.set()

    await draining

    assert wire.under_way == 0


async def test_giving_up_the_draining_harms_nobody() -> None:
    wire = Wire()
    wire.open.clear()
    coalescer = Coalescer(wire, max_items=3)
    tasks = [asyncio.ensure_future(coalescer("a", [n])) for n in range(10)]
    await turns()
    draining = asyncio.ensure_future(coalescer.drain())
    await turns()
    draining.cancel()
    await turns()
    wire.open.set()

    assert await asyncio.gather(*tasks) == [[2 * n] for n in range(10)]


async def test_a_call_that_is_cancelled_leaves_nobody_waiting() -> None:
    async def cancelled(_: str, items: Sequence[int]) -> list[int]:
        raise asyncio.CancelledError

    coalescer = Coalescer(cancelled, max_items=10)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(coalescer("a", [1]), 5)


async def test_a_call_that_fails_before_it_is_awaited_fails_its_callers() -> None:
    def refuse(_: str, items: Sequence[int]) -> Awaitable[list[int]]:
        raise ValueError("no")

    coalescer = Coalescer(refuse, max_items=10)

    with pytest.raises(ValueError, match="no"):
        await coalescer("a", [1])


async def test_a_call_that_is_full_is_begun_while_others_still_ask() -> None:
    begun = []

    def begin(_: str, items: Sequence[int]) -> Awaitable[list[int]]:
        begun.append(asked)
        return asyncio.ensure_future(asyncio.sleep(0, list(items)))

    async def ask(number: int) -> None:
        nonlocal asked
        asked += 1
        await coalescer("a", [number])

    asked = 0
    coalescer = Coalescer(begin, max_items=10, in_flight=5)
    await asyncio.gather(*(ask(number) for number in range(30)))

    assert begun == [10, 20, 30]

    # By its bytes, too.
    asked, begun[:] = 0, []
    coalescer = Coalescer(begin, max_items=10, max_bytes=40, size_bytes=lambda _: 10, in_flight=7)
    await asyncio.gather(*(ask(number) for number in range(30)))

    assert begun == [4, 8, 12, 16, 20, 24, 28, 30]


async def test_a_call_is_made_in_no_callers_context() -> None:
    name: ContextVar[str] = ContextVar("name", default="nobody")
    seen = []

    async def look(_: str, items: Sequence[int]) -> list[int]:
        seen.append(name.get())
        return list(items)

    coalescer = Coalescer(look, max_items=10)
    name.set("somebody")
    await coalescer("a", [1])

    assert seen == ["nobody"]


async def test_no_more_callers_go_on_in_one_turn_of_the_loop_than_said() -> None:
    async def echo(_: str, items: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        return items

    coalescer = Coalescer(echo, max_items=10, woken_at_once=3)
    turn = 0
    turns: list[int] = []

    async def count_turns() -> None:
        nonlocal turn
        while len(turns) < 10:
            turn += 1
            await asyncio.sleep(0)

    async def call(item: int) -> None:
        assert await coalescer("", [item]) == [item]
        turns.append(turn)

    await asyncio.gather(count_turns(), *map(call, range(10)))

    assert coalescer.stats.calls == 1
    assert [turns.count(one) for one in sorted({*turns})] == [3, 3, 3, 1]
