"""What a job of the queue does when its turn comes."""

import asyncio
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from alir.app.application import Alir
from alir.app.streaming import events
from alir.errors import MilvusUnavailable, PathNotFound
from alir.events.ingest import (
    Ingest,
    IngestPaused,
    IngestProgress,
    IngestReport,
    IngestResumed,
    IngestTurn,
)
from alir.models.files import source_id
from alir.server.ingestion_job import IngestionJob
from alir.steps.ingest.recover import delete_older

TENANT_REPORT_FIELDS = ("files", "added", "updated", "moved", "deleted", "unchanged", "failed")
"""The fields of a report that a tenant sees; the others reveal what other tenants hold."""
OTHERS_FIRST = "Other ingestions have their turn."


class IngestionRunner:
    """Ingests and deletes the files of jobs.

    Args:
        deleted_files: Returns the deleted files that may still be in the index.
    """

    def __init__(self, app: Alir, deleted_files: Callable[[], Collection[Path]]) -> None:
        self._app = app
        self._deleted_files = deleted_files

    async def run(self, job: IngestionJob) -> dict[str, Any]:
        """Do a job, and return its report."""
        if job.ingestion.kind == "delete":
            return await self._delete(job.files)
        there, gone = await asyncio.to_thread(_split_existing, job.files)
        if not there and {*self._deleted_files()}.issuperset(gone):
            return {"files": 0}
        try:
            # Files that were deleted since are left out.
            return await self._ingest(job, there or gone)
        except PathNotFound:
            if (await asyncio.to_thread(_split_existing, job.files))[0] == there:
                raise
            return await self.run(job)  # one was deleted just now

    async def _ingest(self, job: IngestionJob, files: Sequence[Path]) -> dict[str, Any]:
        # The paths are real ones; what has become a link since leads out of the folder.
        start = Ingest(
            paths=[*files],
            delete_many=job.ingestion.delete_many,
            rehash=job.ingestion.rehash,
            follow_links=False,
        )
        run = self._app.ingest.run(start_event=start)
        async for event in events(run):
            if isinstance(event, IngestProgress):
                job.problem = None
                job.update(
                    files=event.files,
                    files_done=event.files_done,
                    chunks_written=event.chunks_written,
                    waiting=None,
                )
            elif isinstance(event, IngestPaused):
                # The reason names the address of Milvus.
                job.update(waiting=MilvusUnavailable.public if job.tenant else event.reason)
            elif isinstance(event, IngestResumed):
                job.update(waiting=None)
            elif isinstance(event, IngestTurn):
                job.update(waiting=OTHERS_FIRST if event.is_waiting else None)
        report: object = await run
        assert isinstance(report, IngestReport)  # noqa: S101  the engine types results as Any
        fields = report.to_json()
        return {name: fields[name] for name in TENANT_REPORT_FIELDS} if job.tenant else fields

    async def _delete(self, files: Sequence[Path]) -> dict[str, Any]:
        """Delete files from the index and the ledger, except those that exist again."""
        app = self._app
        async with app.ingest.exclusive("a deletion", files):
            # What another machine writes of a file that exists again has a later one.
            generation = await app.ledger.next_generation()
            _, gone = await asyncio.to_thread(_split_existing, files)
            if gone:
                ids = [source_id(file) for file in gone]
                await delete_older(ids, generation, vector_store=app.vector_store)
                await app.ledger.forget_sources(ids)
                await app.ledger.forget_failures(gone)
        return {"deleted": len(gone)}


def _split_existing(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the files that exist, and those that are gone."""
    there = [file for file in files if os.path.lexists(file)]
    return there, [file for file in files if file not in there]
