"""The queue of ingestions: kept on the disk, and run one after the other."""

import asyncio
import logging
import os
import random
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alir.app.application import Alir
from alir.app.streaming import events
from alir.errors import (
    AlirError,
    DependencyError,
    MilvusUnavailable,
    PathNotFound,
    RunInProgress,
    TooManyDeletions,
)
from alir.events.ingest import Ingest, IngestPaused, IngestProgress, IngestReport, IngestResumed
from alir.models.files import source_id
from alir.server.auth.caller import Tenant
from alir.server.problems import internal_problem, problem_of, refusal
from alir.server.schemas.ingestions import Ingestion, Kind
from alir.storage import ingestions
from alir.storage.service_database import ServiceDatabase

MAX_WAITING = 100
MAX_RETRY_WAIT_S = 60.0
"""Longest wait before an ingestion that a dependency stopped is tried again."""
TOO_MANY = (
    "More than half of the files are gone, or all of a folder. What is new and changed was "
    "ingested, nothing was deleted. If they are to go, say so with delete_many."
)
TENANT_REPORT_FIELDS = ("files", "added", "updated", "moved", "deleted", "unchanged", "failed")
"""The fields of a report that a tenant sees; the others reveal what other tenants hold."""
UPDATE_INTERVAL_S = 0.2
"""Shortest time between two updates to one follower."""

_log = logging.getLogger(__name__)


class _Job:
    """An ingestion that has not ended."""

    def __init__(self, tenant: str, ingestion: Ingestion, files: Sequence[Path]) -> None:
        self.tenant = tenant
        self.ingestion = ingestion
        self.files = files
        self.task: asyncio.Task[None] | None = None
        self.is_cancelled = False
        self.changed = asyncio.Event()

    def update(self, **changes: Any) -> None:
        """Change the ingestion, and wake its followers."""
        self.ingestion = self.ingestion.model_copy(update=changes)
        self.changed.set()
        self.changed = asyncio.Event()


class IngestionQueue:
    """Runs the ingestions of one `Alir`; those that have not ended continue after a restart."""

    def __init__(self, app: Alir, database: ServiceDatabase, root: Path) -> None:
        self._app = app
        self._database = database
        self._root = root
        self._collection = app.settings.collection
        self._jobs: dict[str, _Job] = {}
        self._waiting: deque[_Job] = deque()
        self._has_work = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self.refused = 0
        """Ingestions refused because the queue was full."""

    @property
    def waiting(self) -> int:
        """Ingestions and deletions that have not ended, also the one that runs."""
        return len(self._jobs)

    async def start(self) -> None:
        """Queue the ingestions that had not ended at the last stop, and start to work."""
        rows = await self._database.run_in_thread(ingestions.list_unended, self._collection)
        for tenant, value in rows:
            ingestion = Ingestion.model_validate_json(value).model_copy(update={"state": "queued"})
            folder = self._root / tenant if tenant else self._root
            self._enqueue(_Job(tenant, ingestion, [folder / path for path in ingestion.paths]))
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Stop the one that runs; the next start continues it."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    def check_capacity(self) -> None:
        """Raise `ProblemException` if the queue is full."""
        if len(self._jobs) >= MAX_WAITING:
            self.refused += 1
            detail = f"{MAX_WAITING} ingestions are waiting, and no more are taken on."
            raise refusal(429, "Busy", detail, Retry_After="30")

    async def submit(
        self, tenant: Tenant, kind: Kind, files: Sequence[Path], *, delete_many: bool = False
    ) -> Ingestion:
        """Store and queue an ingestion or a deletion of a tenant's files.

        Deleted files leave the disk at once. When its turn comes, a deletion spares a file that
        exists again.
        """
        ingestion = Ingestion(
            id=secrets.token_hex(16),
            kind=kind,
            state="queued",
            paths=[str(file.relative_to(tenant.folder)) for file in files],
            delete_many=delete_many,
            begun=_now(),
        )
        await self._write(tenant.name, ingestion)
        job = _Job(tenant.name, ingestion, files)
        self._jobs[ingestion.id] = job
        try:
            if kind == "delete":
                await asyncio.to_thread(_remove, files)
        except OSError as error:
            detail = "The service may not remove it from its disk; it stays in the index."
            raise refusal(409, "Cannot Be Deleted", detail) from error
        finally:
            self._enqueue(job)
        return ingestion

    async def get(self, tenant: Tenant, id_: str) -> Ingestion:
        """Return an ingestion that a tenant sees.

        Raises:
            ProblemException: There is none.
        """
        if (job := self._jobs.get(id_)) is not None:
            owner, ingestion = job.tenant, job.ingestion
        else:
            row = await self._database.run_in_thread(ingestions.find, self._collection, id_)
            if row is None:
                raise _unknown()
            owner, ingestion = row[0], Ingestion.model_validate_json(row[1])
        if not tenant.sees(owner):
            raise _unknown()
        return ingestion

    def follow(self, id_: str) -> AsyncIterator[Ingestion] | None:
        """Return an iterator over the states of an ingestion; None if it has ended."""
        job = self._jobs.get(id_)
        return None if job is None else _updates(job)

    async def cancel(self, tenant: Tenant, id_: str) -> Ingestion:
        """End an ingestion where it is, and return it."""
        ingestion = await self.get(tenant, id_)
        if (job := self._jobs.get(id_)) is None:
            return ingestion
        if ingestion.kind == "delete":
            detail = "The file is gone already: what the index holds of it goes, too."
            raise refusal(409, "Cannot Be Ended", detail)
        job.is_cancelled = True
        if job.task is None:
            await self._end(job, state="cancelled")
        else:
            job.task.cancel()
            await asyncio.wait({job.task})
        return job.ingestion

    def _enqueue(self, job: _Job) -> None:
        self._jobs[job.ingestion.id] = job
        self._waiting.append(job)
        self._has_work.set()

    async def _write(self, tenant: str, ingestion: Ingestion) -> None:
        await self._database.run_in_thread(
            ingestions.write,
            self._collection,
            tenant,
            ingestion.id,
            ingestion.model_dump_json(),
            is_ended=ingestion.is_ended,
        )

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._has_work.clear()
                await self._has_work.wait()
            job = self._waiting.popleft()
            if job.is_cancelled:
                continue
            job.task = asyncio.create_task(self._run(job))
            try:
                await asyncio.wait({job.task})
            except asyncio.CancelledError:
                job.task.cancel()
                await asyncio.gather(job.task, return_exceptions=True)
                raise

    async def _run(self, job: _Job) -> None:
        job.update(state="running")
        attempts = 0
        try:
            while True:
                try:
                    report = await self._attempt(job)
                except (DependencyError, RunInProgress) as error:
                    if isinstance(error, DependencyError) and not error.retryable:
                        raise
                    # Uploads are ingested, however long a dependency is down.
                    attempts += 1
                    job.update(waiting=error.told())
                    await asyncio.sleep(random.uniform(0, min(MAX_RETRY_WAIT_S, 2.0**attempts)))  # noqa: S311  jitter
                else:
                    await self._end(job, state="done", report=report)
                    return
        except TooManyDeletions as error:
            # Its own text is about the whole index and the command line.
            problem = problem_of(error).model_copy(update={"detail": TOO_MANY})
            await self._end(job, state="failed", problem=problem)
        except AlirError as error:
            await self._end(job, state="failed", problem=problem_of(error))
        except asyncio.CancelledError:
            if not job.is_cancelled:
                raise  # the service stops; it goes on at the next start
            await self._end(job, state="cancelled")
        except Exception:  # noqa: BLE001  it is logged, and the others go on
            _log.exception("An ingestion failed")
            await self._end(job, state="failed", problem=internal_problem())

    async def _attempt(self, job: _Job) -> dict[str, Any]:
        if job.ingestion.kind == "delete":
            return await self._delete(job.files)
        there, gone = await asyncio.to_thread(_split_existing, job.files)
        if not there and self._deleted_files().issuperset(gone):
            return {"files": 0}
        try:
            # Files that were deleted since are left out.
            return await self._ingest(job, there or gone)
        except PathNotFound:
            if (await asyncio.to_thread(_split_existing, job.files))[0] == there:
                raise
            return await self._attempt(job)  # one was deleted just now

    def _deleted_files(self) -> set[Path]:
        """Return the deleted files that may still be in the index."""
        deletions = (job for job in self._jobs.values() if job.ingestion.kind == "delete")
        return {file for job in deletions for file in job.files}

    async def _ingest(self, job: _Job, files: Sequence[Path]) -> dict[str, Any]:
        run = self._app.ingest.run(
            start_event=Ingest(paths=[*files], delete_many=job.ingestion.delete_many)
        )
        async for event in events(run):
            if isinstance(event, IngestProgress):
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
        report: object = await run
        assert isinstance(report, IngestReport)  # noqa: S101  the engine types results as Any
        fields = report.to_json()
        return {name: fields[name] for name in TENANT_REPORT_FIELDS} if job.tenant else fields

    async def _delete(self, files: Sequence[Path]) -> dict[str, Any]:
        """Delete files from the index and the ledger, except those that exist again."""
        app = self._app
        _, gone = await asyncio.to_thread(_split_existing, files)
        if not gone:
            return {"deleted": 0}
        ids = [source_id(file) for file in gone]
        async with app.ledger.lock("a deletion"):
            await app.vector_store.adelete(ids)
            await app.ledger.forget_sources(ids)
            await app.ledger.forget_failures(gone)
        return {"deleted": len(gone)}

    async def _end(self, job: _Job, **changes: Any) -> None:
        if not job.ingestion.is_ended:
            job.update(ended=_now(), waiting=None, **changes)
        self._jobs.pop(job.ingestion.id, None)
        try:
            await self._write(job.tenant, job.ingestion)
        except AlirError as error:
            _log.error("%s It is done once more at the next start.", error)


def _remove(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _split_existing(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the files that exist, and those that are gone."""
    there = [file for file in files if os.path.lexists(file)]
    return there, [file for file in files if file not in there]


async def _updates(job: _Job) -> AsyncIterator[Ingestion]:
    while True:
        changed, ingestion = job.changed, job.ingestion
        yield ingestion
        if ingestion.is_ended:
            return
        await changed.wait()
        await asyncio.sleep(UPDATE_INTERVAL_S)


def _unknown() -> Exception:
    return refusal(404, "Not Found", "There is no such ingestion.")


def _now() -> str:
    return datetime.now(UTC).isoformat("T", "seconds")
