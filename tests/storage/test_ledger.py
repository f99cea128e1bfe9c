"""The ledger: what is recorded is there, for whoever looks, and nothing else is."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from alir.models.records import SourceRecord
from alir.storage.ledger import SqliteLedger

Record = Callable[..., SourceRecord]


async def everything(ledger: SqliteLedger) -> list[SourceRecord]:
    return [record async for record in ledger.all_sources()]


async def test_nothing_is_opened_or_made_before_the_first_use(path: Path) -> None:
    ledger = SqliteLedger(path, "notes")
    await ledger.aclose()

    assert not path.parent.exists()
    assert await ledger.source_records(["a"]) == {}
    assert path.exists()
    await ledger.aclose()


async def test_a_record_comes_back_as_it_was(ledger: SqliteLedger) -> None:
    given = SourceRecord(
        "id",
        Path("/docs/a.txt"),
        size_bytes=2**40,
        mtime_ns=1_764_000_000_123_456_789,
        content_hash="c",
        version="v2",
        chunks=3,
        stage="written",
        replaces="v1",
        ctime_ns=1_764_000_000_123_456_790,
    )

    await ledger.record_sources([given])

    assert await ledger.source_records(["id", "another"]) == {"id": given}


async def test_a_later_record_takes_the_place_of_an_earlier_one(
    ledger: SqliteLedger, record: Record
) -> None:
    await ledger.record_sources([record("a", "v1"), record("b", "v1")])
    await ledger.record_sources([record("a", "v2", "written", replaces="v1")])

    assert await ledger.source_records(["a", "b"]) == {
        "a": record("a", "v2", "written", replaces="v1"),
        "b": record("b", "v1"),
    }
    assert await ledger.count_by_stage() == {
        "planned": 0,
        "written": 1,
        "verified": 0,
        "settled": 1,
    }


async def test_what_is_forgotten_is_gone(ledger: SqliteLedger, record: Record) -> None:
    assert await ledger.is_empty()
    await ledger.record_sources([record("a"), record("b")])
    await ledger.forget_sources(["a", "never heard of"])

    assert await everything(ledger) == [record("b")]
    assert not await ledger.is_empty()
    await ledger.forget_sources(["b"])
    assert await ledger.is_empty()


async def test_all_goes_through_every_page_in_order(ledger: SqliteLedger, record: Record) -> None:
    names = [f"{number:05}" for number in range(2500)]
    await ledger.record_sources([record(name) for name in reversed(names)])

    assert [one.source_id for one in await everything(ledger)] == names


async def test_a_name_that_is_not_text_survives(ledger: SqliteLedger, record: Record) -> None:
    odd = Path(os.fsdecode(b"/docs/caf\xe9 \xff.txt"))
    await ledger.record_sources([SourceRecord("a", odd, 1, 1, "h", "v", 1, "settled")])
    await ledger.record_failures({odd: f"cannot read {odd}"}, 10.0)

    assert (await ledger.source_records(["a"]))["a"].path == odd
    assert [one.path for one in await ledger.failed_files()] == [odd]
    await ledger.forget_failures([odd])
    assert await ledger.failed_files() == []


async def test_collections_in_one_file_know_nothing_of_each_other(
    path: Path, record: Record
) -> None:
    one, other = SqliteLedger(path, "one"), SqliteLedger(path, "other")
    for ledger, version in ((one, "v1"), (other, "v2")):
        await ledger.record_sources([record("a", version)])
        await ledger.record_failures({Path("/bad"): version}, 1.0)
        await ledger.set_fingerprint({"model": version})

    async def new() -> AsyncIterator[SourceRecord]:
        yield record("b", "v3")

    await one.forget_sources(["a"])
    await one.replace_sources(new())
    await one.forget_failures([Path("/bad")])

    assert await everything(one) == [record("b", "v3")]
    assert await one.failed_files() == []
    assert await everything(other) == [record("a", "v2")]
    assert [failure.reason for failure in await other.failed_files()] == ["v2"]
    assert await other.fingerprint() == {"model": "v2"}
    assert sum((await other.count_by_stage()).values()) == 1
    await one.aclose()
    await other.aclose()


async def test_a_ledger_made_again_has_what_it_was_given_and_nothing_else(
    ledger: SqliteLedger, record: Record
) -> None:
    await ledger.record_sources([record("old"), record("a", "v1")])
    names = [f"{number:05}" for number in range(2500)]

    async def found() -> AsyncIterator[SourceRecord]:
        for name in names:
            yield record(name)
        yield record("a", "v2")
        yield record("a", "v3")  # seen twice: the last counts

    await ledger.replace_sources(found())

    assert await everything(ledger) == [*(record(name) for name in names), record("a", "v3")]


async def test_what_was_known_stays_when_its_replacement_fails_half_way(
    ledger: SqliteLedger, record: Record
) -> None:
    await ledger.record_sources([record("old")])
    seen = []

    async def failing() -> AsyncIterator[SourceRecord]:
        for number in range(1500):
            yield record(f"{number:05}")
        seen.extend(await everything(ledger))
        raise ConnectionError("Milvus went away")

    with pytest.raises(ConnectionError):
        await ledger.replace_sources(failing())

    assert seen == [record("old")]
    assert await everything(ledger) == [record("old")]


async def test_the_fingerprint_is_unknown_until_it_is_set(ledger: SqliteLedger) -> None:
    assert await ledger.fingerprint() is None

    await ledger.set_fingerprint({})
    assert await ledger.fingerprint() == {}

    await ledger.set_fingerprint({"model": "MiniLM", "dimension": "384"})
    assert await ledger.fingerprint() == {"model": "MiniLM", "dimension": "384"}


async def test_many_tasks_record_at_once_in_few_transactions(
    ledger: SqliteLedger, record: Record
) -> None:
    names = [f"{number:05}" for number in range(1000)]

    async def task(name: str) -> bool:
        await ledger.record_sources([record(name, "v1", "planned")])
        await ledger.record_sources([record(name, "v1", "settled")])
        return await ledger.source_records([name]) == {name: record(name)}

    assert all(await asyncio.gather(*map(task, names)))
    assert [one.source_id for one in await everything(ledger)] == names
    assert ledger._database._writes.on_this_loop().stats.calls < 100


async def test_a_record_that_cannot_be_written_harms_no_other(
    ledger: SqliteLedger, record: Record
) -> None:
    good = [record(str(number)) for number in range(8)]

    results = await asyncio.gather(
        *(ledger.record_sources([one]) for one in good[:4]),
        ledger.record_sources([record("x"), record("y", size_bytes=2**70)]),
        *(ledger.record_sources([one]) for one in good[4:]),
        return_exceptions=True,
    )

    assert [type(result) for result in results if result is not None] == [OverflowError]
    assert await everything(ledger) == good, "of the bad call neither record"


def test_each_event_loop_can_use_it_and_it_can_be_closed_and_used_again(
    path: Path, record: Record
) -> None:
    ledger = SqliteLedger(path, "notes")

    async def add(name: str) -> list[str]:
        await ledger.record_sources([record(name)])
        return [one.source_id for one in await everything(ledger)]

    async def add_and_close(name: str) -> list[str]:
        found = await add(name)
        await ledger.aclose()
        await ledger.aclose()
        return found

    assert asyncio.run(add("a")) == ["a"]
    assert asyncio.run(add_and_close("b")) == ["a", "b"]
    assert asyncio.run(add_and_close("c")) == ["a", "b", "c"]


def test_two_event_loops_use_it_at_once(path: Path, record: Record) -> None:
    ledger = SqliteLedger(path, "notes")

    def half(names: list[str]) -> None:
        async def add() -> None:
            await asyncio.gather(*(ledger.record_sources([record(name)]) for name in names))

        asyncio.run(add())

    async def both() -> list[SourceRecord]:
        await asyncio.gather(
            *(asyncio.to_thread(half, [f"{loop}{n:03}" for n in range(200)]) for loop in range(4))
        )
        found = await everything(ledger)
        await ledger.aclose()
        return found

    assert len(asyncio.run(both())) == 800


async def test_closing_waits_for_what_is_under_way(path: Path, record: Record) -> None:
    ledger = SqliteLedger(path, "notes")
    tasks = [asyncio.create_task(ledger.record_sources([record(f"{n:04}")])) for n in range(1000)]
    await asyncio.sleep(0)

    await ledger.aclose()

    assert [one.name for one in path.parent.iterdir()] == [path.name], "nobody has it open"
    await asyncio.gather(*tasks)
    assert len(await everything(ledger)) == 1000
    await ledger.aclose()


async def test_a_call_that_is_cancelled_harms_no_other(
    ledger: SqliteLedger, record: Record
) -> None:
    tasks = [asyncio.create_task(ledger.record_sources([record(str(n))])) for n in range(20)]
    await asyncio.sleep(0)
    tasks[3].cancel()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results if result] == [asyncio.CancelledError]
    assert {str(n) for n in range(20)} - {"3"} <= {
        one.source_id for one in await everything(ledger)
    }


async def test_what_lies_below_paths_is_found_by_them(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alir.storage.sources.PAGE", 2)
    names = (
        *("/docs", "/docs/a.txt", "/docs/b/c.txt", "/docs/z\xff.txt", "/docs/\udcff.txt"),
        *("/docs-2/a.txt", "/docs.txt", "/docs0", "/doc", "/Docs/a.txt"),
    )
    await ledger.record_sources(
        [
            SourceRecord(str(number), Path(name), 1, 1, "h", "v", 1, "settled")
            for number, name in enumerate(names)
        ]
    )

    async def below(*roots: str) -> list[str]:
        return [str(one.path) async for one in ledger.sources_below([*map(Path, roots)])]

    assert sorted(await below("/docs")) == sorted(names[:5])
    assert sorted(await below("/")) == sorted(names)
    assert await below("/docs/b", "/docs.txt", "/nowhere") == ["/docs/b/c.txt", "/docs.txt"]
