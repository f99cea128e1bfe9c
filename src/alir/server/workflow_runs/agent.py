"""The agent on the workflow server; it may ask what a question means, and wait for a reply."""

from pydantic import BaseModel
from workflows import Context, step

from alir.events.agent import AskAgent, MeaningAsked, MeaningChosen
from alir.events.ask import Answer
from alir.server.routes.sessions import session_key
from alir.server.schemas.agent import AgentContent, agent_event
from alir.server.workflow_runs.events import AskAgentQuestion, RunAnswer
from alir.server.workflow_runs.workflows import ServedWorkflow, relay_events, run_id


class ServedAgent(ServedWorkflow):
    """Answer a question of several parts from the index."""

    @step
    async def answer(self, ctx: Context, ev: AskAgentQuestion) -> RunAnswer:
        """Run the agent, and stream its events and questions."""
        async with self.work(ctx) as (tenant, relay):
            start = AskAgent(
                question=ev.question,
                top_k=ev.top_k,
                filters=tenant.filters,
                session=session_key(tenant, ev.session) if ev.session else None,
                budget=ev.budget.budget() if ev.budget else None,
                may_ask=ev.may_ask,
            )
            run = self.dependencies.app.agent.run(start_event=start)

            def of(event: object) -> tuple[str, BaseModel] | None:
                if not isinstance(event, MeaningAsked):
                    return agent_event(event)
                asked = self.dependencies.meanings.wait_for_meaning(
                    run_id.get(), tenant.name, run, event
                )
                return ("meaning_asked", asked) if asked is not None else None

            try:
                answer = await relay_events(run, relay, of, steps=ev.steps)
            finally:
                self.dependencies.meanings.stop_waiting(run_id.get())
            assert isinstance(answer, Answer)  # noqa: S101  the engine types results as Any
            return RunAnswer(answer=AgentContent.from_event(answer).model_dump(mode="json"))

    @step
    async def listen(self, ev: MeaningChosen) -> None:
        """Tell the agent what a person said; once, and not after the time for it."""
        self.dependencies.meanings.continue_run(run_id.get(), ev.meaning)

    def waits_for_event(self, run_id: str) -> bool:
        """Return whether a run waits for an event from its client."""
        return self.dependencies.meanings.waits(run_id)
