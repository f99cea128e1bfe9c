"""The pump: send files through child runs of `IngestShard`, a bounded number of them at once."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from workflows import Workflow

from alir.concurrency.thread_stop import stopped_at_exit
from alir.concurrency.turns import RunTurn
from alir.events.ingest import ChunksAdded, IngestFiles, ShardIngested
from alir.models.files import FileOutcome, FilePart, Roots
from alir.steps.ingest.walk import groups, walk
from alir.workflows.ingest_shard import IngestShard


class IngestionObserver(Protocol):
    """Follows what the pump has done so far."""

    def add_batch(self, batch: ChunksAdded) -> None:
        """Note that a batch of chunks is in the store."""
        ...

    def add_shard(self, shard: ShardIngested) -> None:
        """Note what a shard did."""
        ...


class ShardPump(Workflow):
    """A workflow that sends files through child runs of `IngestShard`, a bounded number at once."""

    async def pump_shards(
        self,
        shard: IngestShard,
        roots: Roots,
        observer: IngestionObserver,
        *,
        gone: frozenset[str] = frozenset(),
        damaged: frozenset[str] = frozenset(),
        rehash: bool = False,
        shards_in_flight: int,
        turn: RunTurn | None = None,
    ) -> None:
        """Send every file below `roots` through a child run of `shard`.

        Args:
            gone: content hashes of files that the index holds and the folders lost.
            damaged: source ids of files of which the index lacks chunks.
            rehash: whether files are read that look as they did.
            turn: of this work; handed on between shards where it is over.
        """

        def start(parts: list[FilePart]) -> IngestFiles:
            return IngestFiles(parts=parts, gone=gone, damaged=damaged, rehash=rehash)

        with stopped_at_exit() as check:
            files = groups(walk(roots.paths, check=check))
            await self._pump_groups(
                shard, files, observer, start, shards_in_flight=shards_in_flight, turn=turn
            )

    async def _pump_groups(
        self,
        shard: IngestShard,
        files: Iterator[list[FilePart | FileOutcome]],
        observer: IngestionObserver,
        start: Callable[[list[FilePart]], IngestFiles],
        *,
        shards_in_flight: int,
        turn: RunTurn | None,
    ) -> None:
        waiting: deque[list[FilePart]] = deque()
        running: set[asyncio.Task[ShardIngested]] = set()
        has_begun = is_read = False
        try:
            while True:
                # Each turn begins a group at least, however short it is.
                while len(running) < shards_in_flight and not (has_begun and _is_over(turn)):
                    group = waiting.popleft() if waiting else await _next_group(files, observer)
                    if not group:
                        is_read = True
                        break
                    has_begun = True
                    running.add(asyncio.create_task(_ingest(shard, start(group), observer)))
                if not running and is_read and not waiting:
                    break
                if not running and turn is not None:
                    await turn.pass_on(_begun(waiting))
                    has_begun = False
                    continue
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    ingested = task.result()
                    observer.add_shard(ingested)
                    if ingested.remaining:
                        waiting.append(ingested.remaining)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def _is_over(turn: RunTurn | None) -> bool:
    return turn is not None and turn.is_over


def _begun(waiting: Iterable[Sequence[FilePart]]) -> Iterator[Path]:
    """Yield the files of which earlier shards wrote a part."""
    return (part.path for group in waiting for part in group if part.cursor is not None)


async def _next_group(
    files: Iterator[list[FilePart | FileOutcome]], observer: IngestionObserver
) -> list[FilePart]:
    """Return the next files to ingest; an empty list at the end."""
    while (group := await asyncio.to_thread(next, files, None)) is not None:
        failed = [one for one in group if isinstance(one, FileOutcome)]
        observer.add_shard(ShardIngested(outcomes=failed))
        if parts := [one for one in group if isinstance(one, FilePart)]:
            return parts
    return []


async def _ingest(
    shard: IngestShard, start: IngestFiles, observer: IngestionObserver
) -> ShardIngested:
    handler = shard.run(start_event=start)
    try:
        async for event in handler.stream_events():
            if isinstance(event, ChunksAdded):
                observer.add_batch(event)
        result = await handler
    except asyncio.CancelledError:
        await handler.cancel_run()
        raise
    assert isinstance(result, ShardIngested)  # noqa: S101  the engine types results as Any
    return result
