"""The store of runs: whose they are, what is forgotten, and what is kept together."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from llama_agents.client.protocol.serializable_events import EventEnvelopeWithMetadata
from llama_agents.server import HandlerQuery, PersistentHandler

from alir.server.workflow_runs.database import RunDatabase
from alir.server.workflow_runs.events import RunAnswer, RunEvent
from alir.server.workflow_runs.owner import RunOwner, acting_as
from alir.server.workflow_runs.rows import KEPT_FOR, MAX_ENDED
from alir.server.workflow_runs.store import RunStore

ALL = HandlerQuery()
ACME, ZETA = RunOwner("acme", "1"), RunOwner("zeta", "2")
TICK = {"serialized_tick": "{}"}


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[RunDatabase]:
    one = RunDatabase(tmp_path / "x" / "a.runs")
    yield one
    await one.aclose()


@pytest.fixture
def store(file: RunDatabase) -> RunStore:
    return RunStore(file, "alir")


def run(id_: str, *, ended: datetime | None = None, name: str = "ask") -> PersistentHandler:
    return PersistentHandler(
        handler_id=id_,
        run_id=f"run-{id_}",
        workflow_name=name,
        status="completed" if ended else "running",
        result=RunAnswer(answer={"text": id_}) if ended else None,
        started_at=datetime.now(UTC),
        completed_at=ended,
    )


def envelope(event: RunEvent | RunAnswer) -> EventEnvelopeWithMetadata:
    return EventEnvelopeWithMetadata.from_event(event)


async def kept(store: RunStore, owner: RunOwner, *ended: datetime) -> None:
    for number, at in enumerate(ended):
        id_ = f"{owner.tenant}{number}"
        with acting_as(owner):
            await store.update(run(id_))
            await store.update(run(id_, ended=at))


async def test_a_tenant_finds_changes_and_forgets_its_own_runs_alone(store: RunStore) -> None:
    await kept(store, ACME, datetime.now(UTC))
    of_acme = HandlerQuery(handler_id_in=["acme0"], run_id_in=["run-acme0"])
    with acting_as(ZETA):
        found = await store.query(of_acme)
        deleted = await store.delete(of_acme)
        with pytest.raises(PermissionError):
            await store.update(run("acme0"))
        everything = await store.query(ALL)
    with acting_as(RunOwner("", "3")):
        of_admin = await store.query(ALL)
    [after_a_restart] = await store.query(of_acme)

    assert (found, deleted, everything) == ([], 0, [])
    assert [one.handler_id for one in of_admin] == ["acme0"]
    assert after_a_restart.status == "completed"
    assert await store.owner("run-acme0") == ACME


async def test_other_collections_have_runs_of_their_own(store: RunStore, file: RunDatabase) -> None:
    await kept(store, ACME, datetime.now(UTC))
    other = RunStore(file, "other")

    assert await other.query(ALL) == []
    with pytest.raises(PermissionError):
        await other.update(run("acme0"))


async def test_old_runs_are_forgotten_with_their_events_and_others_stay(store: RunStore) -> None:
    now = datetime.now(UTC)
    await kept(store, ZETA, now)
    with acting_as(ACME):
        await store.update(run("old"))
        await store.append_event("run-old", envelope(RunEvent(event="x", data={})))
        await store.update(run("old", ended=now - KEPT_FOR - timedelta(minutes=1)))
        await store.update(run("lives"))
    forgotten = await store.query(HandlerQuery(handler_id_in=["old"]))
    await kept(store, ACME, *(now + timedelta(seconds=n) for n in range(MAX_ENDED + 3)))
    with acting_as(ACME):
        of_acme = await store.query(ALL)

    assert forgotten == []
    assert await store.query_events("run-old") == []
    assert len(of_acme) == MAX_ENDED + 1
    assert {"lives", f"acme{MAX_ENDED + 2}"} <= {one.handler_id for one in of_acme}
    assert "acme0" not in {one.handler_id for one in of_acme}
    assert len(await store.query(HandlerQuery(handler_id_in=["zeta0"]))) == 1


async def test_what_is_written_together_is_one_transaction(
    store: RunStore, file: RunDatabase
) -> None:
    await store.update(run("a"))
    before = file._coalescer.stats.calls
    tokens = [envelope(RunEvent(event="token", data={"text": str(n)})) for n in range(100)]
    await asyncio.gather(*(store.append_event("run-a", token) for token in tokens))
    events = await store.query_events("run-a", 97)

    assert file._coalescer.stats.calls - before <= 3
    assert [one.sequence for one in events] == [98, 99]
    assert events[0].event == tokens[98]
    assert await store.query_events("run-a", 10**30) == []
    assert len(await store.query_events("run-a", -(10**30))) == 100


async def test_a_stream_ends_with_its_run_though_the_last_event_was_lost(store: RunStore) -> None:
    await store.update(run("a"))
    await store.append_event("run-a", envelope(RunEvent(event="x", data={})))
    listening = asyncio.create_task(_all(store, "run-a"))
    await asyncio.sleep(0)
    await store.update(run("a", ended=datetime.now(UTC)))
    async with asyncio.timeout(10):
        events = await listening

    assert [one.sequence for one in events] == [0]


async def test_a_stream_ends_when_its_run_is_forgotten(store: RunStore) -> None:
    await store.update(run("a"))
    listening = asyncio.create_task(_all(store, "run-a"))
    await store.delete(HandlerQuery(handler_id_in=["a"]))
    async with asyncio.timeout(10):
        assert await listening == []


async def _all(store: RunStore, run_id: str) -> list[object]:
    return [event async for event in store.subscribe_events(run_id)]


async def test_what_nobody_can_go_on_with_is_given_up_at_the_start(store: RunStore) -> None:
    for id_, name in (("a", "ask"), ("b", "ask"), ("c", "gone")):
        await store.update(run(id_, name=name))
        await store.append_tick(f"run-{id_}", TICK)
    for id_ in ("a", "c"):
        await store.append_tick(f"run-{id_}", TICK)
    await store.fail_unresumable(["ask"])
    found = {one.handler_id: one for one in await store.query(ALL)}

    assert {id_: one.status for id_, one in found.items()} == {
        "a": "running",
        "b": "failed",
        "c": "failed",
    }
    assert found["b"].error != found["c"].error


async def test_one_that_ended_without_a_word_is_kept_as_failed(store: RunStore) -> None:
    await kept(store, ACME, datetime.now(UTC))
    await store.update(run("a"))
    await store.ensure_ended("run-a")
    await store.ensure_ended("run-acme0")
    statuses = {one.handler_id: one.status for one in await store.query(ALL)}
    [last] = await store.query_events("run-a")

    assert statuses == {"a": "failed", "acme0": "completed"}
    assert last.event.type == "WorkflowFailedEvent"
