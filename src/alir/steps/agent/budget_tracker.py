"""What one question may cost and has cost."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from time import perf_counter

from llama_index.core.llms import LLM, ChatMessage
from llama_index.core.utils import get_tokenizer

from alir.errors import LanguageModelFailed
from alir.models.answers import AgentQuestion, AgentState, Budget
from alir.steps.agent.consult import consult


class BudgetTracker:
    """Counts each call of a run before it is made, and refuses it if the budget is spent.

    What a language model replies is counted once it is there, so the last reply may go beyond the
    budget of tokens.

    Args:
        edit_state: opens the run's state, where the count is kept.
        on_spent: called once, with the reason, when the budget is spent.
    """

    def __init__(
        self,
        inquiry: AgentQuestion,
        *,
        edit_state: Callable[[], AbstractAsyncContextManager[AgentState]],
        on_spent: Callable[[str], None],
    ) -> None:
        self._budget = inquiry.budget
        self._started = inquiry.started
        self._edit_state = edit_state
        self._on_spent = on_spent

    @property
    def seconds_left(self) -> float | None:
        """None if there is no limit."""
        if self._budget.seconds is None:
            return None
        return max(0.0, self._started + self._budget.seconds - perf_counter())

    async def spend(self, *, tokens: int = 0) -> str | None:
        """Count one call; return why it must not be made, if the budget is spent."""
        async with self._edit_state() as spent:
            refusal = overspent(
                self._budget,
                seconds=perf_counter() - self._started,
                calls=spent.calls + 1,
                tokens=spent.tokens + tokens,
            )
            if refusal is None:
                spent.calls += 1
                spent.tokens += tokens
        if refusal is not None:
            await self._stop(refusal)
        return refusal

    async def run_out_of_time(self) -> str:
        """Note that a call was broken off for lack of time; return that in a sentence."""
        refusal = spent_sentence(self._budget.seconds or 0, "seconds")
        await self._stop(refusal)
        return refusal

    async def may_ask(self, asked: Sequence[ChatMessage]) -> bool:
        """Count a call of the language model with these messages; False if it must not be made."""
        # The tokenizer is loaded at its first use, which takes seconds.
        return await self.spend(tokens=await asyncio.to_thread(count_tokens, asked)) is None

    async def count_reply(self, texts: Sequence[str]) -> None:
        """Count what a language model replied."""
        tokens = await asyncio.to_thread(count_tokens, texts)
        async with self._edit_state() as spent:
            spent.tokens += tokens

    async def consult(self, asked: Sequence[ChatMessage], *, llm: LLM | None) -> list[str]:
        """Return the lines of a language model's reply; none if there is no model, or no budget."""
        if llm is None or not await self.may_ask(asked):
            return []
        try:
            async with asyncio.timeout(self.seconds_left):
                reply = await consult(asked, llm=llm)
        except TimeoutError:
            await self.run_out_of_time()
            return []
        except LanguageModelFailed as error:
            await self.note(f"{error.told()} Rules decided instead.")
            return []
        await self.count_reply(reply)
        return reply

    async def note(self, *sentences: str) -> None:
        """Keep sentences on what did not work, for the answer."""
        if sentences:
            async with self._edit_state() as spent:
                spent.degraded += sentences

    async def _stop(self, refusal: str) -> None:
        async with self._edit_state() as spent:
            is_first = not spent.is_overspent
            spent.is_overspent = True
        if is_first:
            self._on_spent(refusal)
            await self.note(f"{refusal} The answer rests on what was found until then.")


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
