"""Start processes that do what one of alir's commands does, and that can be killed.

    python -m tests.soak.commands FOLDER_FOR_SOCKETS

forks a process for each command, as `ingester` does for each ingestion. Each gets the name of the
command, the folder, and settings. Another command is another function in `COMMANDS`.
"""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from alir.app.application import Alir
from alir.events.ingest import IngestReport
from alir.milvus.client.connection import MilvusConnection
from alir.settings import Settings
from alir.testing.embeddings import HashEmbedding
from tests.soak.ingester import BATCH_CHUNKS, OVERLAP_TOKENS, Forks, Run, main, say, set_up

Command = Callable[[Alir, Path], Awaitable[None]]


class CommandRunner(Forks):
    """Starts commands, one at a time."""

    module = "tests.soak.commands"

    def start(self, command: str, folder: Path, **settings: Any) -> Run:
        """Start a command of `COMMANDS` with these settings."""
        return self.begin(command=command, folder=str(folder), settings=settings)


async def _ingest(app: Alir, folder: Path) -> None:
    report: Any = await app.ingest.run(paths=[folder])
    say(report=report.to_json())


async def _retry(app: Alir, _: Path) -> None:
    if failed := [one.path for one in await app.ledger.failed_files() if one.path.exists()]:
        await app.ingest.run(paths=failed)


async def _relearn(app: Alir, _: Path) -> None:
    await app.relearn()


async def _rebuild(app: Alir, folder: Path) -> None:
    await _rebuilt(app, paths=[folder])


async def _rebuild_what_it_holds(app: Alir, _: Path) -> None:
    await _rebuilt(app, paths=[])


async def _rebuilt(app: Alir, *, paths: list[Path]) -> None:
    corpus_at = app.rebuild.corpus_at

    def in_small_batches(collection: str) -> Any:
        corpus = corpus_at(collection)
        corpus.shard.batch_chunks = BATCH_CHUNKS
        return corpus

    app.rebuild.corpus_at = in_small_batches
    report: Any = await app.rebuild.run(paths=paths)
    say(report=report.to_json())


async def _roll_back(app: Alir, _: Path) -> None:
    async with app.ledger.lock("a rollback"):
        await app.collection_versions.roll_back()


async def _drop_old(app: Alir, _: Path) -> None:
    async with app.ledger.lock("dropping what is kept"):
        await app.collection_versions.drop_kept()


async def _watch(app: Alir, folder: Path) -> None:
    """Watch until the second sync has ended."""
    await _watched(app, folder, syncs=2)


async def _watch_once(app: Alir, folder: Path) -> None:
    await _watched(app, folder, syncs=1)


async def _watched(app: Alir, folder: Path, *, syncs: int) -> None:
    async with aclosing(app.watch([folder])) as events:
        async for event in events:
            if isinstance(event, IngestReport):
                say(report=event.to_json())
                syncs -= 1
                if not syncs:
                    return


async def _repair(app: Alir, folder: Path) -> None:
    report: Any = await app.verify.run(paths=[folder], repair=True)
    say(report=report.to_json())


COMMANDS: dict[str, Command] = {
    "ingest": _ingest,
    "retry": _retry,
    "relearn": _relearn,
    "rebuild": _rebuild,
    "rebuild without paths": _rebuild_what_it_holds,
    "rebuild --rollback": _roll_back,
    "rebuild --drop-old": _drop_old,
    "watch": _watch,
    "watch once": _watch_once,
    "verify --repair": _repair,
}


def _tell_calls_of_every_connection() -> None:
    perform = MilvusConnection._perform

    def told(self: MilvusConnection, operation: str, work: Any) -> Awaitable[Any]:
        say(call=operation)
        return perform(self, operation, work)

    MilvusConnection._perform = told  # type: ignore[method-assign, assignment]


async def _run(command: str, folder: str, settings: dict[str, Any]) -> None:
    given = {"chunk_overlap_tokens": OVERLAP_TOKENS} | settings
    _tell_calls_of_every_connection()
    async with Alir(Settings.load(**given), embedding=HashEmbedding()) as app:
        app.shard.batch_chunks = BATCH_CHUNKS
        await COMMANDS[command](app, Path(folder))


if __name__ == "__main__":
    main(_run, before=set_up)
