"""The agent on the workflow server; it may ask what a question means, and wait for a person."""

import asyncio
from typing import Any

from workflows import Context, step
from workflows.handler import WorkflowHandler

from alir.agent_events import AskAgent, MeaningAsked, MeaningChosen
from alir.events import Answer
from alir.server.agent_wire import of_agent_event
from alir.server.runs.events import Answered, AskAgentQuestion
from alir.server.runs.served import Desk, Served, run_id, told_on
from alir.server.wire import of_answer

CHOOSE_WITHIN_S = 300.0
"""So long a run waits for a person, and holds its place; then it goes on with what was asked. If
half of the places wait already, it does so at once."""


class AgentRuns(Served):
    """Answer a question of several parts from the index."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._most = max(1, desk.app.settings.questions_at_once // 2)
        self._asking: dict[str, tuple[WorkflowHandler, asyncio.TimerHandle]] = {}
        """By run, the agent that asks."""

    @step
    async def answer(self, ctx: Context, ev: AskAgentQuestion) -> Answered:
        """Run the agent, and tell what it decides and what it asks."""
        async with self.work(ctx) as (tenant, telling):
            # No name of a session has a slash: nobody names one of another tenant's.
            session = f"{tenant.name}/{ev.session}" if tenant.name else ev.session
            start = AskAgent(
                question=ev.question,
                top_k=ev.top_k,
                filters=tenant.filters,
                session=session if ev.session else None,
                budget=ev.budget.budget() if ev.budget else None,
                may_ask=ev.may_ask,
            )
            run = self.desk.app.agent.run(start_event=start)

            def of(event: object) -> tuple[str, dict[str, Any]] | None:
                if not isinstance(event, MeaningAsked):
                    return of_agent_event(event)
                if not self._ask(run):
                    return None
                return "meaning_asked", {"question": event.question, "meanings": event.meanings}

            try:
                answer = await told_on(run, telling, of, steps=ev.steps)
            finally:
                self._no_more(run_id.get())
            assert isinstance(answer, Answer)  # noqa: S101  the engine types results as Any
            return Answered(answer=of_answer(answer))

    @step
    async def listen(self, ev: MeaningChosen) -> None:
        """Tell the agent what a person said; once, and not after the time for it."""
        self._say(run_id.get(), ev.meaning)

    def waits(self, run_id: str) -> bool:
        """Return whether a run waits for a person to say something."""
        return run_id in self._asking

    def _ask(self, run: WorkflowHandler) -> bool:
        """Have a run wait for a person; return whether it does."""
        if len(self._asking) >= self._most:
            run.ctx.send_event(MeaningChosen(meaning=""))
            return False
        asking = run_id.get()
        later = asyncio.get_running_loop().call_later(CHOOSE_WITHIN_S, self._say, asking, "")
        self._asking[asking] = run, later
        return True

    def _say(self, asking: str, meaning: str) -> None:
        if (run := self._no_more(asking)) is not None:
            run.ctx.send_event(MeaningChosen(meaning=meaning))

    def _no_more(self, asking: str) -> WorkflowHandler | None:
        run, later = self._asking.pop(asking, (None, None))
        if later is not None:
            later.cancel()
        return run
