"""The queue of ingestions: kept on the disk, in order for each tenant, in turns among tenants."""

import asyncio
import logging
import random
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from alir.app.application import Alir
from alir.errors import AlirError, TooManyDeletions, passes
from alir.server.auth.caller import Tenant
from alir.server.ingestion_job import IngestionJob
from alir.server.ingestion_runner import IngestionRunner
from alir.server.problems import internal_problem, problem_of, refusal
from alir.server.schemas.ingestions import Ingestion, Kind
from alir.server.schemas.problems import Problem
from alir.storage import ingestions
from alir.storage.service_database import ServiceDatabase

T = TypeVar("T")

MAX_WAITING = 100
"""Ingestions and deletions of one tenant that have not ended."""
CANCEL_WAIT_S = 10.0
"""Longest wait for a cancelled ingestion to end."""
MAX_RETRY_WAIT_S = 60.0
"""Longest wait before what failed is tried again."""
TOO_MANY = (
    "More than half of the files are gone, or all of a folder. What is new and changed was "
    "ingested, nothing was deleted. If they are to go, say so with delete_many."
)
_log = logging.getLogger(__name__)


class IngestionQueue:
    """Runs the ingestions of one `Alir`; those that have not ended continue after a restart.

    The jobs of a tenant run one after the other. Those of different tenants take turns, so that
    none waits for all of another's. What fails for a reason that passes, or that the operator can
    mend, is tried again until it is done.
    """

    def __init__(self, app: Alir, database: ServiceDatabase, root: Path) -> None:
        self._database = database
        self._root = root
        self._collection = app.settings.collection
        self._runner = IngestionRunner(app, self._deleted_files)
        self._jobs: dict[str, IngestionJob] = {}
        self._lines: dict[str, deque[IngestionJob]] = {}
        """By tenant, in order; the first is the one that runs."""
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._loading: asyncio.Task[None] | None = None
        self._loading_problem: str | None = None
        self.refused = 0
        """Ingestions refused because the queue was full."""

    @property
    def waiting(self) -> int:
        """Ingestions and deletions that have not ended, also those that run."""
        return len(self._jobs)

    @property
    def problem(self) -> str | None:
        """The kind of problem that holds the queue or a job up; None if there is none."""
        jobs = (job.problem for job in self._jobs.values() if job.problem)
        return self._loading_problem or next(jobs, None)

    async def start(self) -> None:
        """Queue the ingestions that had not ended at the last stop.

        If they cannot be read, for a reason that passes, it is tried again in the background.
        """
        first_try = asyncio.Event()
        self._loading = asyncio.create_task(self._load(first_try))
        tried = asyncio.create_task(first_try.wait())
        await asyncio.wait({self._loading, tried}, return_when=asyncio.FIRST_COMPLETED)
        tried.cancel()
        if self._loading.done():
            self._loading.result()

    async def stop(self) -> None:
        """Stop those that run; the next start continues them."""
        tasks = [*self._workers.values(), *([self._loading] if self._loading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def check_capacity(self, tenant: Tenant) -> None:
        """Raise `ProblemException` if a tenant has as many in the queue as it may."""
        if sum(job.tenant == tenant.name for job in self._jobs.values()) >= MAX_WAITING:
            self.refused += 1
            detail = f"{MAX_WAITING} of your ingestions are waiting, and no more are taken on."
            raise refusal(429, "Busy", detail, Retry_After="30")

    async def submit(
        self,
        tenant: Tenant,
        kind: Kind,
        files: Sequence[Path],
        *,
        change: Callable[[], None] | None = None,
        delete_many: bool = False,
        rehash: bool = False,
    ) -> Ingestion:
        """Store and queue an ingestion or a deletion of a tenant's files.

        When its turn comes, a deletion spares a file that exists again.

        Args:
            change: Changes the files, off the event loop, once the ingestion is on the disk:
                whatever interrupts it, the index follows the files.
        """
        ingestion = Ingestion(
            id=secrets.token_hex(16),
            kind=kind,
            state="queued",
            paths=[str(file.relative_to(tenant.folder)) for file in files],
            delete_many=delete_many,
            rehash=rehash,
            begun=_now(),
        )
        await self._write(tenant.name, ingestion)
        job = IngestionJob(tenant.name, ingestion, files)
        self._jobs[ingestion.id] = job
        try:
            if change is not None:
                await asyncio.to_thread(change)
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
        return None if job is None else job.updates()

    async def cancel(self, tenant: Tenant, id_: str) -> Ingestion:
        """End an ingestion where it is, and return it."""
        ingestion = await self.get(tenant, id_)
        if (job := self._jobs.get(id_)) is None or ingestion.is_ended:
            return ingestion
        if ingestion.kind == "delete":
            detail = "The file is gone already: what the index holds of it goes, too."
            raise refusal(409, "Cannot Be Ended", detail)
        ended = job.ingestion.model_copy(update={"state": "cancelled", "ended": _now()})
        if job.task is None:
            await self._write(job.tenant, ended)
        job.is_cancelled = True
        if job.task is None:
            self._close(job, ended)
            return ended
        if not job.is_ending:
            job.task.cancel()
        await asyncio.wait({job.task}, timeout=CANCEL_WAIT_S)
        return job.ingestion

    async def _load(self, first_try: asyncio.Event) -> None:
        async def held_up(error: Exception) -> None:
            self._loading_problem = _reason(error).title
            first_try.set()

        rows = await _keep_trying(
            lambda: self._database.run_in_thread(ingestions.list_unended, self._collection),
            held_up,
        )
        self._loading_problem = None
        for tenant, value in rows:
            ingestion = Ingestion.model_validate_json(value)
            if ingestion.id not in self._jobs:
                queued = ingestion.model_copy(update={"state": "queued", "waiting": None})
                folder = self._root / tenant if tenant else self._root
                files = [folder / path for path in ingestion.paths]
                self._enqueue(IngestionJob(tenant, queued, files))

    def _enqueue(self, job: IngestionJob) -> None:
        self._jobs[job.ingestion.id] = job
        self._lines.setdefault(job.tenant, deque()).append(job)
        worker = self._workers.get(job.tenant)
        if worker is None or worker.done():
            self._workers[job.tenant] = asyncio.create_task(self._work(job.tenant))

    def _deleted_files(self) -> set[Path]:
        """Return the deleted files that may still be in the index."""
        deletions = (job for job in self._jobs.values() if job.ingestion.kind == "delete")
        return {file for job in deletions for file in job.files}

    async def _write(self, tenant: str, ingestion: Ingestion) -> None:
        await self._database.run_in_thread(
            ingestions.write,
            self._collection,
            tenant,
            ingestion.id,
            ingestion.model_dump_json(),
            is_ended=ingestion.is_ended,
        )

    async def _work(self, tenant: str) -> None:
        """Run the jobs of a tenant, one after the other."""
        line = self._lines[tenant]
        while line:
            if not (job := line[0]).is_cancelled:
                job.task = asyncio.create_task(self._run(job))
                try:
                    await asyncio.wait({job.task})
                except asyncio.CancelledError:
                    job.task.cancel()
                    await asyncio.gather(job.task, return_exceptions=True)
                    raise
            line.popleft()
        del self._lines[tenant], self._workers[tenant]

    async def _run(self, job: IngestionJob) -> None:
        job.update(state="running")

        async def held_up(error: Exception) -> None:
            reason = _reason(error)
            is_new = job.problem != reason.title
            job.problem = reason.title
            job.update(waiting=reason.detail)
            if is_new:
                with suppress(AlirError):  # `alir status` shows it
                    await self._write(job.tenant, job.ingestion)

        try:
            report = await _keep_trying(lambda: self._runner.run(job), held_up)
            await self._end(job, state="done", report=report)
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

    async def _end(self, job: IngestionJob, **changes: Any) -> None:
        """End a job; until its end is on the disk it keeps its place, and does nothing."""
        job.is_ending = True
        ended = job.ingestion.model_copy(update={"ended": _now(), "waiting": None, **changes})

        async def held_up(error: Exception) -> None:
            job.problem = (reason := _reason(error)).title
            job.update(waiting=f"It is done, which is to be written down yet. {reason.detail}")

        try:
            await _keep_trying(lambda: self._write(job.tenant, ended), held_up)
        except Exception:  # noqa: BLE001  it is logged, and the others go on
            _log.exception("The end of an ingestion was not written; it is done once more")
        self._close(job, ended)

    def _close(self, job: IngestionJob, ended: Ingestion) -> None:
        job.problem = None
        job.show(ended)
        self._jobs.pop(ended.id, None)


async def _keep_trying(
    attempt: Callable[[], Awaitable[T]], held_up: Callable[[Exception], Awaitable[None]]
) -> T:
    """Return what `attempt` returns; after an error that passes, try again a little later.

    Args:
        held_up: Is told each of these errors.
    """
    attempts = 0
    while True:
        try:
            return await attempt()
        except Exception as error:
            if not passes(error):
                raise
            attempts = min(attempts + 1, 10)
            await held_up(error)
        longest_s = min(MAX_RETRY_WAIT_S, 2.0**attempts)
        await asyncio.sleep(random.uniform(0, longest_s))  # noqa: S311  jitter


def _reason(error: Exception) -> Problem:
    """Return what an error that passes is for a client."""
    if isinstance(error, AlirError):
        return problem_of(error)
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    _log.error("The service lacks what it needs, and tries again: %s", error)
    detail = f"The service lacks what it needs for now: {why}. It tries again."
    return Problem(title="Out Of Resources", status=503, detail=detail)


def _unknown() -> Exception:
    return refusal(404, "Not Found", "There is no such ingestion.")


def _now() -> str:
    return datetime.now(UTC).isoformat("T", "seconds")
