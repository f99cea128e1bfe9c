"""The pump: every file goes through a shard, no more shards at once than there may be."""

import asyncio
from pathlib import Path

import pytest

from alir import Alir
from alir.events.ingest import ChunksAdded, ShardIngested
from alir.steps.ingest import walk
from alir.steps.ingest.survey import survey


class Notes:
    """Keeps what the pump reports."""

    def __init__(self) -> None:
        self.chunks = 0
        self.outcomes: list[tuple[str, str]] = []

    def add_batch(self, batch: ChunksAdded) -> None:
        self.chunks += sum(batch.chunks.values())

    def add_shard(self, shard: ShardIngested) -> None:
        self.outcomes += [(one.path.name, one.outcome) for one in shard.outcomes]


async def pumped(app: Alir, folder: Path, *, shards_in_flight: int = 2) -> Notes:
    notes = Notes()
    roots = survey([folder])
    await app.ingest.pump_shards(
        app.shard, roots, notes, gone=frozenset(), shards_in_flight=shards_in_flight
    )
    return notes


async def test_every_file_is_settled_once(app: Alir, folder: Path) -> None:
    (folder / "broken.json").write_bytes(b"\x00\x01\x02" * 50)

    notes = await pumped(app, folder)

    assert sorted(notes.outcomes) == [
        ("bees.txt", "added"),
        ("broken.json", "failed"),
        ("cats.txt", "added"),
        ("dogs.md", "added"),
    ]
    assert notes.chunks == await app.catalog.count_chunks() == 3


async def test_the_rest_of_a_large_file_goes_on_in_another_shard(app: Alir, folder: Path) -> None:
    app.shard.shard_chars = 1_000
    (folder / "bees.txt").write_text("Bees make honey, and a hive has one queen.\n\n" * 100)

    notes = await pumped(app, folder)

    assert [one for one in notes.outcomes if one[0] == "bees.txt"] == [("bees.txt", "added")]
    assert notes.chunks == await app.catalog.count_chunks()


async def test_no_more_shards_run_at_once_than_there_may_be(
    app: Alir, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "GROUP_FILES", 1)
    for number in range(6):
        (folder / f"{number}.txt").write_text(f"Number {number}.\n")
    running, most, run = 0, 0, app.shard.run

    def counted(**start: object) -> object:
        nonlocal running, most
        handler = run(**start)  # type: ignore[arg-type]
        running += 1
        most = max(most, running)

        def ended(_: object) -> None:
            nonlocal running
            running -= 1

        asyncio.ensure_future(handler.stop_event_result()).add_done_callback(ended)
        return handler

    monkeypatch.setattr(app.shard, "run", counted)
    notes = await pumped(app, folder, shards_in_flight=3)

    assert len(notes.outcomes) == 9
    assert most == 3
