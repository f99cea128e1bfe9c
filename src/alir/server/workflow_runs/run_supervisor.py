"""Supervises the active runs; a stop of the service leaves them for the next start."""

import asyncio
import logging
import warnings
from contextlib import suppress

from workflows.handler import WorkflowHandler

from alir.errors import AlirError
from alir.server.workflow_runs.store import RunStore

STOP_S = 2.0
"""Longest wait, at a stop, for the work of runs to end."""

_log = logging.getLogger(__name__)


class RunSupervisor:
    """Watches new and resumed runs until they end."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._watched: dict[str, tuple[WorkflowHandler, asyncio.Task[None]]] = {}
        self._working: set[asyncio.Task[object]] = set()

    def watch(self, run: WorkflowHandler) -> None:
        """Make sure that the store marks a run as ended when it has ended."""
        watching = asyncio.create_task(self._watch(run))
        self._watched[run.run_id] = (run, watching)

    def add_current_task(self) -> None:
        """Register the current task as the work of a run: a stop waits for it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  the caller is a coroutine
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def wait_until_ended(self, run_id: str) -> None:
        """Wait until a run has ended and the store says so."""
        if (watched := self._watched.get(run_id)) is not None:
            await asyncio.wait({watched[1]})

    async def stop(self) -> None:
        """Stop all runs without marking them as ended: the next start resumes them."""
        watched = list(self._watched.values())
        for run, _ in watched:
            with warnings.catch_warnings():
                # No other call stops a run without marking it as cancelled.
                warnings.simplefilter("ignore", DeprecationWarning)
                run.cancel()
        for work in self._working:  # the engine does not cancel it
            work.cancel()
        waiting = {task for _, task in watched} | self._working
        if waiting:
            await asyncio.wait(waiting, timeout=STOP_S)

    async def _watch(self, run: WorkflowHandler) -> None:
        try:
            # The engine has stored how it ended, unless storing failed.
            with suppress(Exception):
                await run
            await self._store.ensure_ended(run.run_id)
        except asyncio.CancelledError:
            pass  # the service stops: the next start resumes the run
        except AlirError as error:
            _log.error("%s The run %s is resumed at the next start.", error, run.run_id)
        finally:
            self._watched.pop(run.run_id, None)
