"""The workflows of the workflow server: each one step, around one of alir's own.

A restart does that step again from its beginning, so what a run does is done at least once, and
who listens to it may be told the same twice. Whose a run is, the store says: a start event has no
field for that. What it costs is counted for who began it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflows import Context, Workflow, step
from workflows.events import StartEvent
from workflows.handler import WorkflowHandler

from alir.app.application import Alir
from alir.app.streaming import events
from alir.errors import AlirError
from alir.events.ask import Answer, Ask
from alir.events.search import Passages, Search
from alir.server.auth.caller import Caller, Tenant
from alir.server.limits.question_limiter import BUSY_RETRY_AFTER_S, TooManyQuestions
from alir.server.limits.rate_limiter import RateLimiter
from alir.server.problems import Problem, ProblemException, problem_of
from alir.server.routes.meanings import MeaningRoutes
from alir.server.routes.questions import ToClientEvent
from alir.server.schemas.answers import AnswerContent, SourcesEvent, answer_event
from alir.server.workflow_runs.event_relay import EventRelay
from alir.server.workflow_runs.events import AskQuestion, FindPassages, RunAnswer, RunPassages
from alir.server.workflow_runs.owner import who_asks
from alir.server.workflow_runs.run_supervisor import RunSupervisor
from alir.server.workflow_runs.store import RunEnded, RunStore
from alir.steps.ask.cite import sources

run_id: ContextVar[str] = ContextVar("run_id")
"""Of the run that this is part of."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunDependencies:
    """What every workflow that is served works with."""

    app: Alir
    store: RunStore
    limits: RateLimiter
    under_way: RunSupervisor
    root: Path
    """The folder of the house; those of tenants are in it."""
    meanings: MeaningRoutes


class ServedWorkflow(Workflow):
    """A workflow of one step, which is seen to its end."""

    def __init__(self, desk: RunDependencies) -> None:
        super().__init__(timeout=None)  # alir's own have theirs
        self.desk = desk

    def run(
        self, ctx: Context | None = None, start_event: StartEvent | None = None, **kwargs: Any
    ) -> WorkflowHandler:
        """Begin a run, or go on with one."""
        token = run_id.set(kwargs["run_id"])
        try:
            run = super().run(ctx, start_event, **kwargs)
        finally:
            run_id.reset(token)
        self.desk.under_way.watch(run)
        return run

    def waits(self, run_id: str) -> bool:
        """Return whether a run waits for a person to say something."""
        return False

    @asynccontextmanager
    async def work(self, ctx: Context) -> AsyncIterator[tuple[Tenant, EventRelay]]:
        """Do a run's work for its tenant; what goes wrong is told in words for clients."""
        self.desk.under_way.works()
        telling = EventRelay(ctx)
        try:
            who = (await self.desk.store.owner(run_id.get())).caller(self.desk.root)
            async with self._place(who):
                yield who.tenant, telling
        except AlirError as error:
            raise _ended(problem_of(error), telling) from None
        except ProblemException as refused:
            raise _ended(refused.problem, telling) from None
        except Exception:  # noqa: BLE001  it is logged, and clients see no text of it
            _log.exception("A run failed")
            detail = "Something in alir went wrong; the service's log has it."
            problem = Problem(title="Internal Error", status=500, detail=detail)
            raise _ended(problem, telling) from None
        finally:
            telling.flush()

    @asynccontextmanager
    async def _place(self, who: Caller) -> AsyncIterator[None]:
        """Have a place among the questions; what a restart goes on with waits for one."""
        if who_asks() is not None:
            yield  # the request that began it has taken one, until the run ends
            return
        async with AsyncExitStack() as stack:
            while True:
                try:
                    await stack.enter_async_context(self.desk.limits.question(who))
                    break
                except TooManyQuestions:
                    await asyncio.sleep(BUSY_RETRY_AFTER_S)
            yield


async def told_on(
    run: WorkflowHandler, telling: EventRelay, of: ToClientEvent, *, steps: bool = False
) -> object:
    """Return what a child run gives; what it streams is told on."""
    async for event in events(run, steps=steps):
        if (named := of(event)) is not None:
            name, value = named
            telling.tell(name, value.model_dump(mode="json"))
    return await run


def _ended(problem: Problem, telling: EventRelay) -> RunEnded:
    telling.tell("problem", problem.model_dump(exclude_defaults=True))
    return RunEnded(problem.detail)


class ServedAsk(ServedWorkflow):
    """Answer a question from the index."""

    @step
    async def answer(self, ctx: Context, ev: AskQuestion) -> RunAnswer:
        """Run `Ask`, and tell what it streams."""
        async with self.work(ctx) as (tenant, telling):
            start = Ask(question=ev.question, top_k=ev.top_k, filters=tenant.filters)
            run = self.desk.app.ask.run(start_event=start)
            answer = await told_on(run, telling, answer_event, steps=ev.steps)
            assert isinstance(answer, Answer)  # noqa: S101  the engine types results as Any
            content = AnswerContent.from_event(answer)
            return RunAnswer(answer=content.model_dump(mode="json"))


class ServedSearch(ServedWorkflow):
    """Find the passages of the index for a question."""

    @step
    async def find(self, ctx: Context, ev: FindPassages) -> RunPassages:
        """Run `Search`."""
        async with self.work(ctx) as (tenant, telling):
            start = Search(question=ev.question, top_k=ev.top_k, filters=tenant.filters)
            found = await told_on(
                self.desk.app.search.run(start_event=start), telling, answer_event
            )
            assert isinstance(found, Passages)  # noqa: S101  the engine types results as Any
            shown = SourcesEvent(sources=sources(found.passages)).model_dump(mode="json")
            return RunPassages(
                passages=shown["sources"], degraded=found.degraded, seconds=found.seconds
            )
