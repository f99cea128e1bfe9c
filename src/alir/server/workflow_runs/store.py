"""LlamaIndex's workflow store over the file of runs.

Theirs commits on the event loop for every event. Here all of that is done on the file's thread,
and whoever waits together shares a commit. What a request asks for sees the runs of its own tenant
alone, whichever route it came by; so another tenant's run is not there for any of them.
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
from alir.server.workflow_runs.owner import RunOwner, who_asks

LAST_EVENT_S = 1.0
"""So long a stream waits for the last event of a run that has ended: a kill may have taken it."""
LOST = "What it did could not be kept; the service's log has the reason."

_log = logging.getLogger(__name__)


class RunEnded(Exception):
    """Why a run has no result, in words for a client."""


class RunStore(AbstractWorkflowStore):
    """Keeps the runs of one collection. Their workflows keep no state but their events."""

    def __init__(self, file: RunDatabase, collection: str) -> None:
        super().__init__()
        self._file = file
        self._collection = collection
        self._news: weakref.WeakValueDictionary[str, asyncio.Event] = weakref.WeakValueDictionary()
        """By run; set, and gone, when there is something new."""

    async def query(self, query: HandlerQuery) -> list[PersistentHandler]:
        """Return the runs that `query` asks for, the newest first."""

        def found(db: Any, part: rows.RunFilter) -> list[PersistentHandler]:
            told = rows.find(db, part, query)
            return [decode_persistent_handler(one, self.result_decoder) for one in told]

        return await self._file.run(found, self._part)

    async def update(self, handler: PersistentHandler) -> None:
        """Keep how far a run has come."""
        await self._file.run(rows.write, self._part, handler)
        if handler.run_id is not None and handler.status != "running":
            self._tell(handler.run_id)

    async def delete(self, query: HandlerQuery) -> int:
        """Forget runs."""
        gone = await self._file.run(rows.find, self._part, query)
        removed = await self._file.run(rows.remove, self._part, query)
        for one in gone:
            self._tell(one["run_id"])
        return removed

    async def append_event(self, run_id: str, event: EventEnvelopeWithMetadata) -> None:
        """Keep what a run told."""
        await self._file.run(rows.add_event, run_id, event.model_dump_json())
        self._tell(run_id)

    async def query_events(
        self, run_id: str, after_sequence: int | None = None, limit: int | None = None
    ) -> list[StoredEvent]:
        """Return what a run told after an event."""
        told = await self._file.run(rows.events, run_id, after_sequence, limit)
        return [
            StoredEvent(
                run_id=run_id,
                sequence=number,
                timestamp=datetime.fromisoformat(at),
                event=EventEnvelopeWithMetadata.model_validate_json(value),
            )
            for number, at, value in told
        ]

    async def subscribe_events(
        self, run_id: str, after_sequence: int = -1
    ) -> AsyncIterator[StoredEvent]:
        """Yield what a run told and tells after an event, to its end."""
        after = after_sequence
        while True:
            news = self._news.setdefault(run_id, asyncio.Event())
            batch = await self.query_events(run_id, after)
            for event in batch:
                yield event
                after = event.sequence
                if self._is_terminal_event(event):
                    return
            if batch:
                continue
            if await self._file.run(rows.is_running, run_id):
                await news.wait()
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), LAST_EVENT_S)
                continue
            return

    async def append_tick(self, run_id: str, tick_data: dict[str, Any]) -> None:
        """Keep what a run went through."""
        try:
            await self._file.run(rows.add_tick, run_id, json.dumps(tick_data))
        finally:
            self._tell(run_id)

    async def get_ticks(self, run_id: str) -> list[StoredTick]:
        """Return what a run went through; nothing of one that has ended."""
        told = await self._file.run(rows.ticks, run_id)
        return [
            StoredTick(
                run_id=run_id,
                sequence=number,
                timestamp=datetime.fromisoformat(at),
                tick_data=json.loads(value),
            )
            for number, at, value in told
        ]

    async def owner(self, run_id: str) -> RunOwner:
        """Return whose a run is.

        Raises:
            LookupError: it is forgotten.
        """
        return await self._file.run(rows.owner_of, run_id)

    async def begun(self, run_id: str) -> None:
        """Return when a restart would go on with a run."""
        while True:
            news = self._news.setdefault(run_id, asyncio.Event())
            if await self._file.run(rows.has_begun, run_id):
                return
            await news.wait()

    async def give_up(self, known: Sequence[str]) -> None:
        """End the runs of workflows that are not `known`, and others that cannot go on."""
        await self._file.run(rows.give_up, self._collection, known)

    async def see_ended(self, run_id: str) -> None:
        """End a run that is no more, if it is still kept as one that runs.

        So ends one that told what cannot be kept: the engine then forgets to say so.
        """
        if not await self._file.run(rows.is_running, run_id):
            return
        _log.error("The run %s ended without a word; it is kept as one that failed.", run_id)
        failed = WorkflowFailedEvent(step_name="", exception=RunEnded(LOST))
        await self.update_handler_status(run_id, status="failed", error=LOST)
        await self.append_event(run_id, EventEnvelopeWithMetadata.from_event(failed))

    @property
    def _part(self) -> rows.RunFilter:
        return rows.RunFilter(self._collection, who_asks())

    def _tell(self, run_id: str) -> None:
        if (news := self._news.pop(run_id, None)) is not None:
            news.set()

    def _build_state_store(
        self,
        run_id: str,
        namespace: tuple[str, ...],
        state_type: type[Any] | None,
        serializer: BaseSerializer | None,
    ) -> StateStoreFacade[Any]:
        return InMemoryStateStore(state_type() if state_type else DictState())
