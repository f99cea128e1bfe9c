"""Watch: sync files and folders at each change, for as long as the events are read."""

import asyncio
import os
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from types import TracebackType

from watchfiles import Change, awatch
from workflows.events import Event

from alir.errors import (
    CannotWatch,
    DependencyError,
    InputError,
    PathNotFound,
    RunInProgress,
    StoreInUse,
)
from alir.events.ingest import Ingest, IngestPaused, IngestReport, IngestResumed, LedgerRelearned
from alir.events.plan import WatchPaused
from alir.models.root_lookup import RootLookup
from alir.ports import Ledger
from alir.steps.ingest.walk import may_be_listed
from alir.workflows.ingest import IngestCorpus

QUIET_MS = 200
"""Changes that follow each other faster count as one."""
BURST_MS = 1_600
"""Longest wait for a series of changes to end."""
LOOK_EVERY_S = 1.0
"""How often to check that the paths are still the files and folders that are watched."""
LONGEST_WAIT_S = 60.0
"""Between two attempts at a sync that failed."""
SHORTEST_WAIT_S = 1.0
"""Before failed files are tried again."""

_STREAMED = (IngestReport, IngestPaused, IngestResumed, LedgerRelearned)


async def watch(
    paths: Sequence[str | Path],
    *,
    ingest: IngestCorpus,
    ledger: Ledger,
    ignored: Sequence[Path] = (),
    delete_many: bool = False,
    after_sync: Callable[[], Awaitable[None]] | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncGenerator[Event, None]:
    """Sync `paths` now, at each change below them, and when a failed file is due for a retry.

    Yields the events of the syncs without their progress: an `IngestReport` for each, or
    `WatchPaused` for one that failed. Two never run at once; a change during one leads to another.

    Args:
        ignored: files that alir writes; changes of paths that begin with theirs are ignored.
        after_sync: awaited after each sync.
        clock: seconds since 1970.

    Raises:
        ConfigError: a setting must change. Another run on the collection is waited for.
        PathNotFound: a path was not there from the start.
        DependencyError: one that does not pass by itself.
    """
    attempts, has_synced = 0, False
    async with _Changes(paths, ignored) as changes:
        await changes.wait(None)
        while True:
            delay_s: float | None = None
            try:
                async with aclosing(_sync(ingest, paths, delete_many=delete_many)) as events:
                    async for event in events:
                        yield event
                attempts, has_synced = 0, True
                delay_s = await _next_try_s(ledger, changes.roots, clock())
            except InputError as error:
                if isinstance(error, PathNotFound) and not has_synced:
                    raise
                yield WatchPaused(reason=str(error), waits_s=None)
            except (DependencyError, RunInProgress, StoreInUse) as error:
                if isinstance(error, DependencyError) and not error.retryable:
                    raise
                attempts += 1
                bound_s = min(LONGEST_WAIT_S, 2.0 ** min(attempts, 16))
                wait_s = random.uniform(0, bound_s)  # noqa: S311  full jitter
                yield WatchPaused(reason=str(error), waits_s=wait_s)
                await asyncio.sleep(wait_s)
                continue
            if after_sync is not None:
                await after_sync()
            await changes.wait(delay_s)


async def _sync(
    ingest: IngestCorpus, paths: Sequence[str | Path], *, delete_many: bool
) -> AsyncGenerator[Event, None]:
    run = ingest.run(start_event=Ingest(paths=[*paths], delete_many=delete_many))
    try:
        async for event in run.stream_events():
            if isinstance(event, _STREAMED):
                yield event
        await run
    finally:
        if not run.is_done():
            await run.cancel_run()
    # A handler whose run ends just then swallows that this was cancelled.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _next_try_s(ledger: Ledger, roots: Sequence[Path], now_s: float) -> float | None:
    """Return the seconds until a failed file below `roots` is due; None if there is none."""
    failed = await ledger.failed_files()
    lookup = RootLookup(roots)
    tries = [one.next_try_s for one in failed if lookup.find(one.path)]
    return max(SHORTEST_WAIT_S, min(tries) - now_s) if tries else None


class _Changes:
    """The changes below paths from when this context is entered, which is the first of them.

    A root that is replaced, goes or comes back, be it by a link that leads elsewhere, is a change.
    """

    def __init__(self, paths: Sequence[str | Path], ignored: Sequence[Path]) -> None:
        # `Path.expanduser` raises for a user the system does not know.
        self._paths = [os.path.expanduser(path) for path in paths]  # noqa: PTH111
        self._ignored = tuple(os.path.realpath(path) for path in ignored)
        self._seen = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.roots: list[Path] = []

    async def __aenter__(self) -> "_Changes":
        self._task = asyncio.create_task(self._follow())
        self._task.add_done_callback(lambda _: self._seen.set())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self, longest_s: float | None) -> None:
        """Return when something has changed since this returned last, or after `longest_s`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._seen.wait()
        if self._task is not None and self._task.done():
            self._task.result()
        self._seen.clear()

    async def _follow(self) -> None:
        while True:
            roots = await asyncio.to_thread(_identified, self._paths)
            self.roots = [Path(root) for root in roots]
            folders = [root for root, (_, is_folder) in roots.items() if is_folder]
            # Editors write a new file and rename it: only the folder sees that.
            around = {os.path.dirname(root) for root in roots.keys() - {*folders}}  # noqa: PTH120
            stop = asyncio.Event()
            watching = [
                asyncio.create_task(self._note(watched, stop, recursive=recursive))
                for watched, recursive in ((folders, True), (sorted(around), False))
                if watched
            ]
            try:
                await asyncio.sleep(0)  # each has begun: `awatch` first makes its watches
                self._seen.set()
                while roots == await asyncio.to_thread(_identified, self._paths):
                    await asyncio.sleep(LOOK_EVERY_S)
                    if any(task.done() for task in watching):
                        break
            finally:
                stop.set()
                await asyncio.gather(*watching)

    async def _note(self, watched: Sequence[str], stop: asyncio.Event, *, recursive: bool) -> None:
        try:
            async for _ in awatch(
                *watched,
                watch_filter=self._counts,
                debounce=BURST_MS,
                step=QUIET_MS,
                stop_event=stop,
                recursive=recursive,
                ignore_permission_denied=True,
            ):
                self._seen.set()
        except FileNotFoundError:
            pass  # it went before it was watched
        except (OSError, RuntimeError) as error:
            raise CannotWatch(", ".join(watched), str(error)) from error

    def _counts(self, _: Change, path: str) -> bool:
        return not path.startswith(self._ignored) and may_be_listed(Path(path), self.roots)


def _identified(paths: Sequence[str]) -> dict[str, tuple[tuple[int, int] | None, bool]]:
    """Return by real path the device and inode of a folder, and whether it is a folder."""
    found = {}
    for path in paths:
        real = os.path.realpath(path)
        with suppress(OSError):
            status = os.stat(real)  # noqa: PTH116  the path is a string all along
            is_folder = os.path.isdir(real)  # noqa: PTH112
            found[real] = ((status.st_dev, status.st_ino) if is_folder else None, is_folder)
    return found
