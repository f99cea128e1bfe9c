"""Places and the line for them: bounded, in order, fair between keys, and none gets lost."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alir.server.limits import question_limiter as limiter_module
from alir.server.limits.question_limiter import LATE_S, MIN_ALLOWED, QuestionLimiter
from alir.server.problems import ProblemException


async def held(
    limiter: QuestionLimiter, key: str, name: str, order: list[str], release: asyncio.Event
) -> None:
    async with limiter.slot(key):
        order.append(name)
        await release.wait()


def begin(
    limiter: QuestionLimiter, order: list[str], release: asyncio.Event, *names: str
) -> list["asyncio.Task[None]"]:
    """Ask for a place for each of `names`; the letter is the key, and _ is none."""
    return [
        asyncio.create_task(held(limiter, name[0].strip("_"), name, order, release), name=name)
        for name in names
    ]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_places_are_given_in_order_and_between_keys_in_turns() -> None:
    limiter = QuestionLimiter(1, max_waiting=10, wait_timeout_s=60)
    order: list[str] = []
    release = asyncio.Event()
    release.set()
    async with limiter.slot("z"):
        asking = begin(limiter, order, release, "a1", "a2", "a3", "b1", "b2", "c1")
        await turns()
        waiting = limiter.waiting
    await asyncio.gather(*asking)

    assert waiting == 6
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert (limiter.active, limiter.waiting) == (0, 0)


async def test_a_free_place_goes_to_the_key_that_has_the_fewest() -> None:
    limiter = QuestionLimiter(3, max_waiting=10, wait_timeout_s=60)
    order: list[str] = []
    release = asyncio.Event()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(limiter.slot("a"))
        async with limiter.slot("z"):
            asking = begin(limiter, order, release, "a1", "b1")
            await turns()
        await turns()
        first = list(order)
    release.set()
    await asyncio.gather(*asking)

    assert first == ["b1"]


async def test_a_key_never_holds_the_last_places_and_another_gets_one_at_once() -> None:
    limiter = QuestionLimiter(16, max_waiting=20, wait_timeout_s=60)
    order: list[str] = []
    release = asyncio.Event()
    asking = begin(limiter, order, release, *(f"a{n}" for n in range(20)))
    await turns()
    of_one = len(order)
    asking += begin(limiter, order, release, "b1", "c1", "d1")
    await turns()
    others = order[of_one:]
    release.set()
    await asyncio.gather(*asking)

    assert of_one == 14
    assert others == ["b1", "c1"]
    assert (limiter.active, limiter.waiting) == (0, 0)


async def test_without_keys_all_places_are_for_the_one_caller() -> None:
    limiter = QuestionLimiter(4, max_waiting=20, wait_timeout_s=60)
    order: list[str] = []
    release = asyncio.Event()
    asking = begin(limiter, order, release, *(f"_{n}" for n in range(6)))
    await turns()
    at_once = len(order)
    release.set()
    await asyncio.gather(*asking)

    assert at_once == 4


async def test_a_full_line_refuses_but_makes_room_for_a_key_that_waits_less() -> None:
    limiter = QuestionLimiter(1, max_waiting=3, wait_timeout_s=60)
    order: list[str] = []
    release = asyncio.Event()
    release.set()
    async with limiter.slot("z"):
        asking = begin(limiter, order, release, "a1", "a2", "a3", "a4", "b1", "b2")
        await turns()
    ends = await asyncio.gather(*asking, return_exceptions=True)

    refused = [
        task.get_name()
        for task, end in zip(asking, ends, strict=True)
        if isinstance(end, ProblemException)
    ]
    # a4 found the line full of its own; b1 took the place of a3; b2 would only have swapped sides.
    assert refused == ["a3", "a4", "b2"]
    assert order == ["a1", "b1", "a2"]


async def test_who_waits_too_long_is_refused_and_leaves_the_line() -> None:
    limiter = QuestionLimiter(1, max_waiting=3, wait_timeout_s=0.01)
    async with limiter.slot("a"):
        with pytest.raises(ProblemException) as refused:
            async with limiter.slot("a"):
                pass
        left = limiter.waiting

    assert refused.value.problem.status == 429
    assert refused.value.headers == {"Retry-After": "2"}
    assert (left, limiter.active) == (0, 0)


async def test_a_place_that_comes_free_as_the_wait_for_it_ends_is_given_to_the_next() -> None:
    limiter = QuestionLimiter(1, max_waiting=2, wait_timeout_s=60)
    order: list[str] = []
    release = asyncio.Event()
    release.set()
    async with limiter.slot("z"):
        asking = begin(limiter, order, release, "a1", "b1")
        await turns()
        asking[0].cancel()  # it does not know that yet when the place comes free
    ends = await asyncio.gather(*asking, return_exceptions=True)

    assert isinstance(ends[0], asyncio.CancelledError)
    assert order == ["b1"]
    assert (limiter.active, limiter.waiting) == (0, 0)


async def test_while_the_event_loop_is_late_fewer_are_under_way_and_none_is_sent_away() -> None:
    limiter = QuestionLimiter(16, max_waiting=20, wait_timeout_s=60)
    order: list[str] = []
    release = asyncio.Event()
    asking = begin(limiter, order, release, *(f"_{n}" for n in range(20)))
    await turns()
    for _ in range(3):
        limiter.adjust(2 * LATE_S)
    late = limiter.allowed, limiter.active, limiter.waiting
    limiter.adjust(LATE_S * 0.75)  # neither late nor in time
    release.set()
    await asyncio.gather(*asking)

    assert late == (MIN_ALLOWED, 16, 4)
    assert limiter.allowed == MIN_ALLOWED


async def test_a_late_event_loop_with_room_for_questions_is_not_late_because_of_them() -> None:
    limiter = QuestionLimiter(16, max_waiting=20, wait_timeout_s=60)
    async with limiter.slot(""):
        limiter.adjust(2 * LATE_S)

    assert limiter.allowed == 16


async def test_in_time_again_it_gives_one_place_more_at_each_look_up_to_all() -> None:
    limiter = QuestionLimiter(12, max_waiting=20, wait_timeout_s=60)
    order: list[str] = []
    release = asyncio.Event()
    asking = begin(limiter, order, release, *(f"_{n}" for n in range(14)))
    await turns()
    for _ in range(2):
        limiter.adjust(2 * LATE_S)
    for task in asking[:5]:
        task.cancel()
    await turns()
    seen = [(limiter.allowed, limiter.active, limiter.waiting)]
    for _ in range(6):
        limiter.adjust(0.0)
        seen.append((limiter.allowed, limiter.active, limiter.waiting))
    release.set()
    await asyncio.gather(*asking, return_exceptions=True)

    assert seen[0] == (MIN_ALLOWED, MIN_ALLOWED, 1)
    assert seen[1:] == [(9, 9, 0), (10, 9, 0), (11, 9, 0), (12, 9, 0), (12, 9, 0), (12, 9, 0)]


@pytest.mark.parametrize("most", [1, MIN_ALLOWED])
async def test_few_places_stay_as_many(most: int) -> None:
    limiter = QuestionLimiter(most, max_waiting=0, wait_timeout_s=60)
    async with AsyncExitStack() as stack:
        for _ in range(most):
            await stack.enter_async_context(limiter.slot(""))
        limiter.adjust(2 * LATE_S)

    assert limiter.allowed == most


@given(
    acts=st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(["ask", "cancel", "end", "turn", "late", "in time"]),
        ),
        max_size=60,
    )
)
def test_no_place_is_ever_lost_or_given_twice(acts: list[tuple[str, str]]) -> None:
    async def play() -> None:
        limiter = QuestionLimiter(3, max_waiting=3, wait_timeout_s=60)
        asking: list[asyncio.Task[None]] = []
        held: list[AsyncExitStack] = []

        async def ask(key: str) -> None:
            stack = AsyncExitStack()
            await stack.enter_async_context(limiter.slot(key))
            held.append(stack)

        for key, act in acts:
            if act == "ask":
                asking.append(asyncio.create_task(ask(key)))
            elif act == "cancel" and asking:
                asking[-1 - "abc".index(key) % len(asking)].cancel()
            elif act == "end" and held:
                await held.pop(0).aclose()  # at once: what was cancelled does not know it yet
            elif act == "turn":
                await turns(1)
            elif act in {"late", "in time"}:
                limiter.adjust(2 * LATE_S if act == "late" else 0.0)
            assert 0 <= limiter.active <= 3
            assert 0 <= limiter.waiting <= 3
            assert 1 <= limiter.allowed <= 3
            assert limiter.active >= limiter.allowed - 1 or not limiter.waiting
        while not all(task.done() for task in asking) or held:
            await turns()
            while held:
                await held.pop().aclose()
        ends = await asyncio.gather(*asking, return_exceptions=True)
        allowed = type(None), ProblemException, asyncio.CancelledError
        assert [end for end in ends if not isinstance(end, allowed)] == []
        assert (limiter.active, limiter.waiting) == (0, 0)
        limiter.adjust(0.0)
        limiter.adjust(0.0)
        async with limiter.slot("a"), limiter.slot("b"), limiter.slot("c"):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limiter_module, "MIN_ALLOWED", 1)
        asyncio.run(play())
