"""A job of the queue: an ingestion or a deletion that has not ended, and those who follow it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from alir.server.schemas.ingestions import Ingestion

UPDATE_INTERVAL_S = 0.2
"""Shortest time between two updates to one follower."""


class IngestionJob:
    """An ingestion that has not ended.

    Args:
        tenant: Whose it is; empty for an admin key.
        files: What it ingests or deletes: absolute paths.
    """

    def __init__(self, tenant: str, ingestion: Ingestion, files: Sequence[Path]) -> None:
        self.tenant = tenant
        self.ingestion = ingestion
        self.files = files
        self.task: asyncio.Task[None] | None = None
        """Runs it; None while it is queued."""
        self.is_cancelled = False
        self.is_ending = False
        """Its end is being written: it cannot be cancelled any more."""
        self.problem: str | None = None
        """The kind of problem that it waits for to pass."""
        self._changed = asyncio.Event()

    def update(self, **changes: Any) -> None:
        """Change the ingestion, and wake its followers."""
        self.show(self.ingestion.model_copy(update=changes))

    def show(self, ingestion: Ingestion) -> None:
        """Replace the ingestion, and wake its followers."""
        self.ingestion = ingestion
        self._changed.set()
        self._changed = asyncio.Event()

    async def updates(self) -> AsyncIterator[Ingestion]:
        """Yield the ingestion as it is, and at each change until it has ended."""
        while True:
            changed, ingestion = self._changed, self.ingestion
            yield ingestion
            if ingestion.is_ended:
                return
            await changed.wait()
            await asyncio.sleep(UPDATE_INTERVAL_S)
