"""The budget: what is counted, what is refused, and what the answer then says."""

import asyncio
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage

from alir.errors import LanguageModelFailed
from alir.models.answers import Budget
from alir.steps.agent.budget_tracker import count_tokens, overspent
from tests.steps.scripted_llm import ScriptedLLM

ASKED = [ChatMessage(content="one two three")]
REASON = "The budget of 2 calls is spent."


async def test_calls_are_counted_and_refused_beyond_the_budget_which_is_reported_once(
    spending: Any,
) -> None:
    tracker = spending.tracker(spending.inquiry(budget=Budget(calls=2)))

    refusals = await asyncio.gather(*(tracker.spend() for _ in range(4)))

    assert refusals == [None, None, REASON, REASON]
    assert spending.state.calls == 2
    assert spending.reasons == [REASON]
    assert spending.state.degraded == [f"{REASON} The answer rests on what was found until then."]


async def test_tokens_are_counted_before_a_call_and_of_its_reply(spending: Any) -> None:
    tracker = spending.tracker(spending.inquiry(budget=Budget(tokens=4)))

    assert await tracker.may_ask(ASKED)
    await tracker.count_reply(["four", "five"])
    assert not await tracker.may_ask(ASKED)

    assert (spending.state.calls, spending.state.tokens) == (1, 5)


async def test_the_seconds_left_never_go_below_none(spending: Any) -> None:
    assert spending.tracker().seconds_left is None
    assert spending.tracker(spending.inquiry(budget=Budget(seconds=0))).seconds_left == 0
    tracker = spending.tracker(spending.inquiry(budget=Budget(seconds=1)))
    assert 0 < tracker.seconds_left <= 1
    assert await tracker.run_out_of_time() == "The budget of 1 second is spent."


async def test_a_model_is_consulted_within_the_budget_alone(spending: Any) -> None:
    llm = ScriptedLLM(pieces=["- a\n", "- b"])
    tracker = spending.tracker(spending.inquiry(budget=Budget(calls=1)))

    assert await tracker.consult(ASKED, llm=None) == []
    assert await tracker.consult(ASKED, llm=llm) == ["a", "b"]
    assert await tracker.consult(ASKED, llm=llm) == []
    assert len(llm.asked) == 1


async def test_a_model_that_fails_leaves_it_to_the_rules(spending: Any) -> None:
    failed = LanguageModelFailed("m", "http://model.test", "answered 500", retryable=True)

    assert await spending.tracker().consult(ASKED, llm=ScriptedLLM(pieces=[failed])) == []

    [sentence] = spending.state.degraded
    assert sentence.endswith("Rules decided instead.")


def test_no_budget_is_never_spent() -> None:
    assert overspent(Budget(), seconds=1e9, calls=10**9, tokens=10**9) is None


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (Budget(seconds=1.5), "The budget of 1.5 seconds is spent."),
        (Budget(calls=2), "The budget of 2 calls is spent."),
        (Budget(tokens=20), "The budget of 20 tokens is spent."),
    ],
)
def test_what_is_over_a_limit_is_refused_and_up_to_it_is_not(budget: Budget, told: str) -> None:
    assert overspent(budget, seconds=1.5, calls=2, tokens=20) is None
    assert overspent(budget, seconds=1.6, calls=3, tokens=21) == told


def test_the_tokens_of_messages_and_of_texts_are_counted() -> None:
    assert count_tokens([]) == 0
    assert count_tokens(["one two three"]) == 3
    assert count_tokens([ChatMessage(content="one two"), ChatMessage(content="three")]) == 3
