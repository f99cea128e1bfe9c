"""Spend: what fits into a budget, and what of it is gone."""

import pytest
from llama_index.core.llms import ChatMessage

from alir.models.answers import Budget
from alir.steps.agent.spend import count_tokens, overspent


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
