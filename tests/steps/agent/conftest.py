"""What the agent's steps share: a budget tracker over a state in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter

import pytest

from alir.models.answers import AgentQuestion, AgentState, Budget
from alir.steps.agent.budget_tracker import BudgetTracker


@dataclass
class Spending:
    """The state of one run, and what was reported of its budget."""

    state: AgentState = field(default_factory=AgentState)
    reasons: list[str] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def edit(self) -> AsyncIterator[AgentState]:
        async with self.lock:
            yield self.state

    def inquiry(
        self,
        question: str = "Who?",
        session: str | None = None,
        budget: Budget = Budget(),  # noqa: B008  it is frozen
    ) -> AgentQuestion:
        return AgentQuestion(question, session, None, budget, started=perf_counter())

    def tracker(self, inquiry: AgentQuestion | None = None) -> BudgetTracker:
        return BudgetTracker(
            inquiry or self.inquiry(), edit_state=self.edit, on_spent=self.reasons.append
        )


@pytest.fixture
def spending() -> Spending:
    return Spending()
