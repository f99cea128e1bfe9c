"""Ingestions: taken on, kept on the disk, and made one after the other."""

import asyncio
import logging
import os
import random
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alir.app.application import Alir
from alir.app.streaming import events
from alir.errors import (
    AlirError,
    DependencyError,
    PathNotFound,
    RunInProgress,
    TooManyDeletions,
)
from alir.events.ingest import Ingest, IngestPaused, IngestProgress, IngestReport, IngestResumed
from alir.models.files import source_id
from alir.server import ingestions
from alir.server.auth.caller import Tenant, caller
from alir.server.auth.tenant_files import named
from alir.server.bodies import RequestModel, read
from alir.server.ingestions import Ingestion, Kind
from alir.server.problems import Problem, problem_of, refusal
from alir.server.routes.endpoint import Endpoint
from alir.server.routes.questions import PING_S, accepts_events
from alir.storage.service_database import ServiceDatabase

MAX_WAITING = 100
LONGEST_WAIT_S = 60.0
"""Between two attempts at one that the world stopped."""
TOO_MANY = (
    "More than half of the files are gone, or all of a folder. What is new and changed was "
    "ingested, nothing was deleted. If they are to go, say so with delete_many."
)
TOLD_TO_TENANTS = ("files", "added", "updated", "moved", "deleted", "unchanged", "failed")
"""Of a report."""
TOLD_EVERY_S = 0.2
"""At most so often is progress streamed."""

_log = logging.getLogger(__name__)


class IngestBody(RequestModel):
    """Files and folders to bring the index up to date with."""

    paths: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=100)]
    """Below the caller's folder; "." is all of it."""
    delete_many: bool = False
    """Whether more than half of the files held may go."""


class _Job:
    """An ingestion that has not ended."""

    def __init__(self, tenant: str, told: Ingestion, files: Sequence[Path]) -> None:
        self.tenant = tenant
        self.told = told
        self.files = files
        self.task: asyncio.Task[None] | None = None
        self.is_cancelled = False
        self.changed = asyncio.Event()

    def tell(self, **changes: Any) -> None:
        """Change what is told of it, and wake who listens."""
        self.told = self.told.model_copy(update=changes)
        self.changed.set()
        self.changed = asyncio.Event()


class IngestionQueue:
    """Makes the ingestions of one `Alir`; one that was taken on goes on after a restart."""

    def __init__(self, app: Alir, database: ServiceDatabase, root: Path) -> None:
        self._app = app
        self._database = database
        self._root = root
        self._collection = app.settings.collection
        self._jobs: dict[str, _Job] = {}
        self._waiting: deque[_Job] = deque()
        self._came = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self.refused = 0
        """Because too many waited."""

    @property
    def waiting(self) -> int:
        """Ingestions and deletions that have not ended, also the one under way."""
        return len(self._jobs)

    def endpoints(self) -> list[Endpoint]:
        """Return what can be asked of it."""
        return [
            Endpoint(
                "POST",
                "/v1/ingestions",
                self.begin,
                "write",
                "Bring the index up to date with files and folders",
                Ingestion,
                status=202,
                body=IngestBody,
            ),
            Endpoint(
                "GET",
                "/v1/ingestions/{id}",
                self.look,
                "read",
                "How far an ingestion has come",
                Ingestion,
                streams={"ingestion": Ingestion},
            ),
            Endpoint(
                "DELETE",
                "/v1/ingestions/{id}",
                self.cancel,
                "write",
                "End an ingestion",
                Ingestion,
                problems=(409,),
            ),
        ]

    async def start(self) -> None:
        """Go on with what was taken on before, and begin to work."""
        for tenant, told in await self._database.run(ingestions.unended, self._collection):
            folder = self._root / tenant if tenant else self._root
            files = [folder / path for path in told.paths]
            self._enqueue(_Job(tenant, told.model_copy(update={"state": "queued"}), files))
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """End the one that runs, for the next start to go on with."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    async def begin(self, request: Request) -> Response:
        """Take on an ingestion of files and folders below the caller's own.

        Of a folder the index holds exactly what is in it afterwards. Ingestions are made one after
        the other.
        """
        tenant = caller(request).tenant
        body = await read(request, IngestBody)
        self.refuse_if_full()
        files = await asyncio.to_thread(lambda: [named(path, tenant) for path in body.paths])
        told = await self.take_on(tenant, "ingest", files, delete_many=body.delete_many)
        return answered(told)

    async def look(self, request: Request) -> Response:
        """Answer with an ingestion; as events, each time that it has come further, to its end."""
        job, told = await self._found(request)
        if job is not None and accepts_events(request):
            return EventSourceResponse(_streamed(job), ping=PING_S)
        return JSONResponse(told.model_dump(mode="json"))

    async def cancel(self, request: Request) -> Response:
        """End an ingestion where it is; what it has written stays. One that has ended stays so."""
        job, told = await self._found(request)
        if job is not None and told.kind == "delete":
            detail = "The file is gone already: what the index holds of it goes, too."
            raise refusal(409, "Cannot Be Ended", detail)
        if job is not None:
            job.is_cancelled = True
            if job.task is None:
                await self._end(job, state="cancelled")
            else:
                job.task.cancel()
                await asyncio.wait({job.task})
            told = job.told
        return JSONResponse(told.model_dump(mode="json"))

    def refuse_if_full(self) -> None:
        """Raise `Refused` if no more ingestions can wait."""
        if len(self._jobs) >= MAX_WAITING:
            self.refused += 1
            detail = f"{MAX_WAITING} ingestions are waiting, and no more are taken on."
            raise refusal(429, "Busy", detail, Retry_After="30")

    async def take_on(
        self, tenant: Tenant, kind: Kind, files: Sequence[Path], *, delete_many: bool = False
    ) -> Ingestion:
        """Keep an ingestion of the tenant's `files`, or a deletion; it is made in its turn.

        Files to be deleted leave the disk at once: in its turn a deletion spares what is there.
        """
        told = Ingestion(
            id=secrets.token_hex(16),
            kind=kind,
            state="queued",
            paths=[str(file.relative_to(tenant.folder)) for file in files],
            delete_many=delete_many,
            begun=ingestions.now(),
        )
        await self._database.run(ingestions.write, self._collection, tenant.name, told)
        job = _Job(tenant.name, told, files)
        self._jobs[told.id] = job
        try:
            if kind == "delete":
                await asyncio.to_thread(_remove, files)
        except OSError as error:
            detail = "The service may not remove it from its disk; it stays in the index."
            raise refusal(409, "Cannot Be Deleted", detail) from error
        finally:
            self._enqueue(job)
        return told

    def _enqueue(self, job: _Job) -> None:
        self._jobs[job.told.id] = job
        self._waiting.append(job)
        self._came.set()

    async def _found(self, request: Request) -> tuple[_Job | None, Ingestion]:
        """The ingestion that is asked for, and its job if it has not ended."""
        id_ = request.path_params["id"]
        tenant = caller(request).tenant
        if (job := self._jobs.get(id_)) is not None:
            found: tuple[str, Ingestion] | None = (job.tenant, job.told)
        else:
            found = await self._database.run(ingestions.find, self._collection, id_)
        if found is None or not tenant.sees(found[0]):
            raise refusal(404, "Not Found", "There is no such ingestion.")
        return job, found[1]

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._came.clear()
                await self._came.wait()
            job = self._waiting.popleft()
            if job.is_cancelled:
                continue
            job.task = asyncio.create_task(self._make(job))
            try:
                await asyncio.wait({job.task})
            except asyncio.CancelledError:
                job.task.cancel()
                await asyncio.gather(job.task, return_exceptions=True)
                raise

    async def _make(self, job: _Job) -> None:
        job.tell(state="running")
        attempts = 0
        try:
            while True:
                try:
                    report = await self._attempt(job)
                except (DependencyError, RunInProgress) as error:
                    if isinstance(error, DependencyError) and not error.retryable:
                        raise
                    # What was uploaded is to be ingested, however long the world is away.
                    attempts += 1
                    job.tell(waiting=problem_of(error).detail)
                    await asyncio.sleep(random.uniform(0, min(LONGEST_WAIT_S, 2.0**attempts)))  # noqa: S311  jitter
                else:
                    await self._end(job, state="done", report=report)
                    return
        except TooManyDeletions as error:
            # It speaks of the whole index, and of the command line.
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
            detail = "Something in alir went wrong; the service's log has it."
            problem = Problem(title="Internal Error", status=500, detail=detail)
            await self._end(job, state="failed", problem=problem)

    async def _attempt(self, job: _Job) -> dict[str, Any]:
        if job.told.kind == "delete":
            return await self._delete(job.files)
        there, gone = await asyncio.to_thread(_parted, job.files)
        if not there and self._deleting().issuperset(gone):
            return {"files": 0}
        try:
            # What was deleted since is not missed.
            return await self._ingest(job, there or gone)
        except PathNotFound:
            if (await asyncio.to_thread(_parted, job.files))[0] == there:
                raise
            return await self._attempt(job)  # one was deleted just now

    def _deleting(self) -> set[Path]:
        """The files that were deleted here, and of which the index may still hold something."""
        deletions = (job for job in self._jobs.values() if job.told.kind == "delete")
        return {file for job in deletions for file in job.files}

    async def _ingest(self, job: _Job, files: Sequence[Path]) -> dict[str, Any]:
        run = self._app.ingest.run(
            start_event=Ingest(paths=[*files], delete_many=job.told.delete_many)
        )
        async for event in events(run):
            if isinstance(event, IngestProgress):
                job.tell(
                    files=event.files,
                    files_done=event.files_done,
                    chunks_written=event.chunks_written,
                    waiting=None,
                )
            elif isinstance(event, IngestPaused):
                job.tell(waiting=event.reason)
            elif isinstance(event, IngestResumed):
                job.tell(waiting=None)
        report: object = await run
        assert isinstance(report, IngestReport)  # noqa: S101  the engine types results as Any
        told = report.to_json()
        # The others would let a tenant find out what those of others hold.
        return {name: told[name] for name in TOLD_TO_TENANTS} if job.tenant else told

    async def _delete(self, files: Sequence[Path]) -> dict[str, Any]:
        """Delete what the index and the ledger have of files, but of one that is there again."""
        app = self._app
        _, gone = await asyncio.to_thread(_parted, files)
        if not gone:
            return {"deleted": 0}
        ids = [source_id(file) for file in gone]
        async with app.ledger.lock("a deletion"):
            await app.vector_store.adelete(ids)
            await app.ledger.forget_sources(ids)
            await app.ledger.forget_failures(gone)
        return {"deleted": len(gone)}

    async def _end(self, job: _Job, **changes: Any) -> None:
        if not job.told.is_ended:
            job.tell(ended=ingestions.now(), waiting=None, **changes)
        self._jobs.pop(job.told.id, None)
        try:
            await self._database.run(ingestions.write, self._collection, job.tenant, job.told)
        except AlirError as error:
            _log.error("%s It is made once more at the next start.", error)


def _remove(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _parted(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Part the files that are there from those that are gone."""
    there = [file for file in files if os.path.lexists(file)]
    return there, [file for file in files if file not in there]


def answered(told: Ingestion) -> Response:
    """Return the answer that an ingestion was taken on, and where to look."""
    where = {"Location": f"/v1/ingestions/{told.id}"}
    return JSONResponse(told.model_dump(mode="json"), status_code=202, headers=where)


async def _streamed(job: _Job) -> AsyncIterator[ServerSentEvent]:
    while True:
        changed, told = job.changed, job.told
        yield ServerSentEvent(told.model_dump_json(), event="ingestion")
        if told.is_ended:
            return
        await changed.wait()
        await asyncio.sleep(TOLD_EVERY_S)
