"""Spend: whether a budget allows the next call, and what one costs."""

from collections.abc import Sequence

from llama_index.core.llms import ChatMessage
from llama_index.core.utils import get_tokenizer

from alir.models.answers import Budget


def overspent(budget: Budget, *, seconds: float, calls: int, tokens: int) -> str | None:
    """Return which limit so much would exceed, in a sentence; None if it is within the budget."""
    limits = (
        (budget.seconds, seconds, "seconds"),
        (budget.calls, calls, "calls"),
        (budget.tokens, tokens, "tokens"),
    )
    for limit, spent, unit in limits:
        if limit is not None and spent > limit:
            return spent_sentence(limit, unit)
    return None


def spent_sentence(limit: float, unit: str) -> str:
    """Return in words that so much of `unit`, a plural, is spent."""
    return f"The budget of {limit:g} {unit.removesuffix('s') if limit == 1 else unit} is spent."


def count_tokens(messages: Sequence[ChatMessage | str]) -> int:
    """Return the tokens of texts by LlamaIndex's tokenizer; a model's own may count otherwise."""
    tokenizer = get_tokenizer()
    texts = (one if isinstance(one, str) else one.content or "" for one in messages)
    return sum(len(tokenizer(text)) for text in texts)
