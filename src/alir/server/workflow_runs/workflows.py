"""The workflows of the workflow server; each has one step that runs one of alir's workflows.

A restart runs that step again from its beginning, so a run's work is done at least once, and a
client may get an event twice. The store knows the owner of a run: a start event has no field for
it. The cost of a run is counted for the key that began it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from workflows import Context, Workflow, step
from workflows.events import StartEvent
from workflows.handler import WorkflowHandler

from alir.app.application import Alir
from alir.app.streaming import events
from alir.errors import AlirError
from alir.events.agent import AskAgent, MeaningAsked, MeaningChosen
from alir.events.ask import Answer, Ask
from alir.events.search import Passages, Search
from alir.server.auth.caller import Caller, Tenant
from alir.server.limits.question_limiter import BUSY_RETRY_AFTER_S, TooManyQuestions
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.problems import ProblemException, internal_problem, problem_of
from alir.server.routes.meanings import MeaningRoutes
from alir.server.routes.questions import ToClientEvent
from alir.server.routes.sessions import session_key
from alir.server.schemas.agent import AgentContent, agent_event
from alir.server.schemas.answers import AnswerContent, SourcesEvent, answer_event
from alir.server.schemas.problems import Problem
from alir.server.workflow_runs.events import (
    AskAgentQuestion,
    AskQuestion,
    FindPassages,
    RunAnswer,
    RunEvent,
    RunPassages,
)
from alir.server.workflow_runs.owner import current_owner
from alir.server.workflow_runs.run_supervisor import RunSupervisor
from alir.server.workflow_runs.store import RunFailed, RunStore
from alir.steps.ask.cite import sources

run_id: ContextVar[str] = ContextVar("run_id")
"""The id of the current run."""
_log = logging.getLogger(__name__)
MAX_TOKENS = 20
FLUSH_AFTER_S = 0.05
"""The first token waits this long for others: each event is a write to the disk."""


class EventRelay:
    """Relays events in order; tokens that come together become one event."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._tokens: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def send(self, event: str, data: dict[str, Any]) -> None:
        """Send an event, after the tokens before it."""
        if event != "token":
            self.flush()
            self._ctx.write_event_to_stream(RunEvent(event=event, data=data))
            return
        self._tokens.append(data["text"])
        if len(self._tokens) >= MAX_TOKENS:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)

    def flush(self) -> None:
        """Send the waiting tokens."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._tokens:
            text, self._tokens = "".join(self._tokens), []
            self._ctx.write_event_to_stream(RunEvent(event="token", data={"text": text}))


@dataclass(frozen=True, slots=True)
class RunDependencies:
    """What every served workflow works with."""

    app: Alir
    store: RunStore
    rate_limiter: RateLimiter
    supervisor: RunSupervisor
    root: Path
    """The folder of all files; each tenant's folder is in it."""
    meanings: MeaningRoutes


class ServedWorkflow(Workflow):
    """A workflow of one step, supervised to its end."""

    def __init__(self, dependencies: RunDependencies) -> None:
        super().__init__(timeout=None)  # alir's own workflows have timeouts
        self.dependencies = dependencies

    def run(
        self, ctx: Context | None = None, start_event: StartEvent | None = None, **kwargs: Any
    ) -> WorkflowHandler:
        """Start or resume a run."""
        token = run_id.set(kwargs["run_id"])
        try:
            run = super().run(ctx, start_event, **kwargs)
        finally:
            run_id.reset(token)
        self.dependencies.supervisor.watch(run)
        return run

    def waits_for_event(self, run_id: str) -> bool:
        """Return whether a run waits for an event from its client."""
        return False

    @asynccontextmanager
    async def work(self, ctx: Context) -> AsyncIterator[tuple[Tenant, EventRelay]]:
        """Do the work of a run for its tenant; an error becomes a problem that clients can read."""
        self.dependencies.supervisor.add_current_task()
        relay = EventRelay(ctx)
        try:
            owner = await self.dependencies.store.owner(run_id.get())
            caller = owner.caller(self.dependencies.root)
            async with self._question_slot(caller):
                yield caller.tenant, relay
        except AlirError as error:
            raise _run_failed(problem_of(error), relay) from None
        except ProblemException as error:
            raise _run_failed(error.problem, relay) from None
        except Exception:  # noqa: BLE001  it is logged, and clients see no text of it
            _log.exception("A run failed")
            raise _run_failed(internal_problem(), relay) from None
        finally:
            relay.flush()

    @asynccontextmanager
    async def _question_slot(self, caller: Caller) -> AsyncIterator[None]:
        """Hold a slot of the question limiter; a resumed run waits until one is free."""
        if current_owner() is not None:
            yield  # the request that began the run holds one until the run ends
            return
        async with AsyncExitStack() as stack:
            while True:
                try:
                    await stack.enter_async_context(
                        self.dependencies.rate_limiter.question_slot(caller)
                    )
                    break
                except TooManyQuestions:
                    await asyncio.sleep(BUSY_RETRY_AFTER_S)
            yield


async def relay_events(
    run: WorkflowHandler, relay: EventRelay, of: ToClientEvent, *, steps: bool = False
) -> object:
    """Relay the events of a child run, and return its result."""
    async for event in events(run, steps=steps):
        if (named := of(event)) is not None:
            name, value = named
            relay.send(name, value.model_dump(mode="json"))
    return await run


def _run_failed(problem: Problem, relay: EventRelay) -> RunFailed:
    relay.send("problem", problem.model_dump(exclude_defaults=True))
    return RunFailed(problem.detail)


class ServedAsk(ServedWorkflow):
    """Answer a question from the index."""

    @step
    async def answer(self, ctx: Context, ev: AskQuestion) -> RunAnswer:
        """Run `Ask`, and stream its events."""
        async with self.work(ctx) as (tenant, relay):
            start = Ask(question=ev.question, top_k=ev.top_k, filters=tenant.filters)
            run = self.dependencies.app.ask.run(start_event=start)
            answer = await relay_events(run, relay, answer_event, steps=ev.steps)
            assert isinstance(answer, Answer)  # noqa: S101  the engine types results as Any
            content = AnswerContent.from_event(answer)
            return RunAnswer(answer=content.model_dump(mode="json"))


class ServedSearch(ServedWorkflow):
    """Find the passages of the index for a question."""

    @step
    async def find(self, ctx: Context, ev: FindPassages) -> RunPassages:
        """Run `Search`."""
        async with self.work(ctx) as (tenant, relay):
            start = Search(question=ev.question, top_k=ev.top_k, filters=tenant.filters)
            found = await relay_events(
                self.dependencies.app.search.run(start_event=start), relay, answer_event
            )
            assert isinstance(found, Passages)  # noqa: S101  the engine types results as Any
            shown = SourcesEvent(sources=sources(found.passages)).model_dump(mode="json")
            return RunPassages(
                passages=shown["sources"], degraded=found.degraded, seconds=found.seconds
            )


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
