"""LlamaIndex's workflow store over the file of runs.

LlamaIndex's own store commits on the event loop for every event. This one works on the file's
thread, and waiting calls share a commit. A request sees only the runs of its own tenant, on every
route.
"""

import asyncio
import json
import logging
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from llama_agents.client.protocol.serializable_events import EventEnvelopeWithMetadata
from llama_agents.server import AbstractWorkflowStore, HandlerQuery, PersistentHandler
from llama_agents.server._store.abstract_workflow_store import (
    StoredEvent,
    StoredTick,
    decode_persistent_handler,
)
from workflows.context.serializers import BaseSerializer
from workflows.context.state_store import DictState, InMemoryStateStore, StateStoreFacade
from workflows.events import WorkflowFailedEvent

from alir.server.workflow_runs import rows
from alir.server.workflow_runs.database import RunDatabase
from alir.server.workflow_runs.owner import RunOwner, current_owner
from alir.server.workflow_runs.renames import rename_classes

LAST_EVENT_S = 1.0
"""Longest wait for the last event of an ended run: a kill may have lost it."""
LOST = "What it did could not be kept; the service's log has the reason."

_log = logging.getLogger(__name__)


class RunFailed(Exception):
    """The reason why a run has no result, in words for clients."""


class RunStore(AbstractWorkflowStore):
    """Stores the runs of one collection. Their workflows have no state but their events."""

    def __init__(self, file: RunDatabase, collection: str) -> None:
        super().__init__()
        self._file = file
        self._collection = collection
        self._changed = weakref.WeakValueDictionary[str, asyncio.Event]()
        """By run; set and removed at each change."""

    async def query(self, query: HandlerQuery) -> list[PersistentHandler]:
        """Return the runs that match a query, newest first."""

        def find(db: Any, scope: rows.RunFilter) -> list[PersistentHandler]:
            found = rows.find(db, scope, query)
            return [decode_persistent_handler(one, self.result_decoder) for one in found]

        return await self._file.transact(find, self._filter)

    async def update(self, handler: PersistentHandler) -> None:
        """Store the state of a run."""
        await self._file.transact(rows.write, self._filter, handler)
        if handler.run_id is not None and handler.status != "running":
            self._notify(handler.run_id)

    async def delete(self, query: HandlerQuery) -> int:
        """Delete runs; return how many."""
        gone = await self._file.transact(rows.find, self._filter, query)
        removed = await self._file.transact(rows.delete, self._filter, query)
        for one in gone:
            self._notify(one["run_id"])
        return removed

    async def append_event(self, run_id: str, event: EventEnvelopeWithMetadata) -> None:
        """Store an event of a run."""
        await self._file.transact(rows.add_event, run_id, event.model_dump_json())
        self._notify(run_id)

    async def query_events(
        self, run_id: str, after_sequence: int | None = None, limit: int | None = None
    ) -> list[StoredEvent]:
        """Return the events of a run after a number."""
        found = await self._file.transact(rows.events, run_id, after_sequence, limit)
        return [
            StoredEvent(
                run_id=run_id,
                sequence=number,
                timestamp=datetime.fromisoformat(at),
                event=EventEnvelopeWithMetadata.model_validate_json(rename_classes(value)),
            )
            for number, at, value in found
        ]

    async def subscribe_events(
        self, run_id: str, after_sequence: int = -1
    ) -> AsyncIterator[StoredEvent]:
        """Yield the events of a run after a number, until it ends."""
        after = after_sequence
        while True:
            changed = self._changed.setdefault(run_id, asyncio.Event())
            batch = await self.query_events(run_id, after)
            for event in batch:
                yield event
                after = event.sequence
                if self._is_terminal_event(event):
                    return
            if batch:
                continue
            if await self._file.transact(rows.is_running, run_id):
                await changed.wait()
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), LAST_EVENT_S)
                continue
            return

    async def append_tick(self, run_id: str, tick_data: dict[str, Any]) -> None:
        """Store a tick of a run, from which the engine can replay it."""
        try:
            await self._file.transact(rows.add_tick, run_id, json.dumps(tick_data))
        finally:
            self._notify(run_id)

    async def get_ticks(self, run_id: str) -> list[StoredTick]:
        """Return the ticks of a run; an ended run has none."""
        found = await self._file.transact(rows.ticks, run_id)
        return [
            StoredTick(
                run_id=run_id,
                sequence=number,
                timestamp=datetime.fromisoformat(at),
                tick_data={k: rename_classes(v) for k, v in json.loads(value).items()},
            )
            for number, at, value in found
        ]

    async def owner(self, run_id: str) -> RunOwner:
        """Return the owner of a run.

        Raises:
            LookupError: The run was deleted.
        """
        return await self._file.transact(rows.owner_of, run_id)

    async def wait_until_resumable(self, run_id: str) -> None:
        """Wait until a restart would resume a run."""
        while True:
            changed = self._changed.setdefault(run_id, asyncio.Event())
            if await self._file.transact(rows.is_resumable, run_id):
                return
            await changed.wait()

    async def fail_unresumable(self, workflows: Sequence[str]) -> None:
        """End the runs of unknown workflows, and others that cannot be resumed."""
        await self._file.transact(rows.fail_unresumable, self._collection, workflows)

    async def ensure_ended(self, run_id: str) -> None:
        """Mark a run as failed if it has ended and is still stored as running.

        This happens when an event could not be stored: then the engine does not store the end.
        """
        if not await self._file.transact(rows.is_running, run_id):
            return
        _log.error("The run %s ended without a stored result; it is marked as failed.", run_id)
        failed = WorkflowFailedEvent(step_name="", exception=RunFailed(LOST))
        await self.update_handler_status(run_id, status="failed", error=LOST)
        await self.append_event(run_id, EventEnvelopeWithMetadata.from_event(failed))

    @property
    def _filter(self) -> rows.RunFilter:
        return rows.RunFilter(self._collection, current_owner())

    def _notify(self, run_id: str) -> None:
        if (changed := self._changed.pop(run_id, None)) is not None:
            changed.set()

    def _build_state_store(
        self,
        run_id: str,
        namespace: tuple[str, ...],
        state_type: type[Any] | None,
        serializer: BaseSerializer | None,
    ) -> StateStoreFacade[Any]:
        return InMemoryStateStore(state_type() if state_type else DictState())
