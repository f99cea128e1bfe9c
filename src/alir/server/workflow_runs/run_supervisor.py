"""The runs under way: each is seen to its end, and all are left for the next start at a stop."""

import asyncio
import logging
import warnings
from contextlib import suppress

from workflows.handler import WorkflowHandler

from alir.errors import AlirError
from alir.server.workflow_runs.store import RunStore

STOP_S = 5.0
"""So long a stop waits for the runs' own work to end."""

_log = logging.getLogger(__name__)


class RunSupervisor:
    """Watches runs, those of a request and those that a restart goes on with."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._watched: dict[str, tuple[WorkflowHandler, asyncio.Task[None]]] = {}
        self._working: set[asyncio.Task[object]] = set()

    def watch(self, run: WorkflowHandler) -> None:
        """See to it that a run is kept as ended once it has ended."""
        watching = asyncio.create_task(self._see_to_its_end(run))
        self._watched[run.run_id] = (run, watching)

    def works(self) -> None:
        """Note that the present task does a run's work: a stop waits for it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  whoever calls is in one
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def end_of(self, run_id: str) -> None:
        """Return when a run has ended, and is kept so."""
        if (watched := self._watched.get(run_id)) is not None:
            await asyncio.wait({watched[1]})

    async def stop(self) -> None:
        """End all runs where they are, without keeping that: the next start goes on with them."""
        watched = list(self._watched.values())
        for run, _ in watched:
            with warnings.catch_warnings():
                # There is no other call that ends a run and has it not be one that was cancelled.
                warnings.simplefilter("ignore", DeprecationWarning)
                run.cancel()
        for work in self._working:  # the engine leaves it to itself
            work.cancel()
        waiting = {task for _, task in watched} | self._working
        if waiting:
            await asyncio.wait(waiting, timeout=STOP_S)

    async def _see_to_its_end(self, run: WorkflowHandler) -> None:
        try:
            # How it ended the engine has kept, unless it stumbled over that itself.
            with suppress(Exception):
                await run
            await self._store.see_ended(run.run_id)
        except asyncio.CancelledError:
            pass  # the service stops, in order or not: the next start goes on with it
        except AlirError as error:
            _log.error("%s The run %s goes on at the next start.", error, run.run_id)
        finally:
            self._watched.pop(run.run_id, None)
