"""The loop of all clients: a request goes out at once, no caller waits for a busy one, and it
rests while the process is forked."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pymilvus import AsyncMilvusClient

from alir.errors import ForkedInUse
from alir.milvus.client.connection import MilvusConnection
from tests.forked import in_child, skip_where_another_channel_is_open


async def test_a_request_goes_out_before_its_caller_computes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alir.milvus.client.client_loop.BEGINS_WITHIN_S", 30)
    connection = MilvusConnection(str(tmp_path / "new.db"), timeout_s=5)
    await connection.call_method("list_collections")
    sent = []

    async def work(client: object) -> None:
        sent.append(client)
        await asyncio.sleep(0.05)

    begun = connection.begin("work", work)
    assert len(sent) == 1, "though nobody has awaited anything yet"

    await begun
    await connection.close()


async def test_a_client_that_is_busy_does_not_hold_up_a_caller() -> None:
    connection = MilvusConnection("unused.db")
    free = threading.Event()

    async def keep_busy() -> bool:
        return free.wait(30)

    busy = connection.on_client_loop(keep_busy())
    behind = connection.on_client_loop(asyncio.sleep(0))
    free.set()  # in time only if nobody waited for the client

    assert await busy
    await behind


@pytest.fixture
def idle(uri: str) -> Iterator[MilvusConnection]:
    """A connection with an open channel and no call under way; the only channel there is."""
    skip_where_another_channel_is_open()
    connection = MilvusConnection(uri, timeout_s=10)
    connection.run_blocking(connection.call_once("list_collections"))
    yield connection
    connection.run_blocking(connection.close())


def test_forked_children_and_theirs_make_calls_and_so_does_their_parent(
    idle: MilvusConnection,
) -> None:
    def ask() -> list[str]:
        return list(idle.run_blocking(idle.call_once("list_collections")))

    for _ in range(3):
        here, there = in_child(lambda: (ask(), in_child(ask)))
        assert here == there == ask()


def test_a_child_of_a_parent_that_closed_everything_makes_calls(idle: MilvusConnection) -> None:
    idle.run_blocking(idle.close())

    assert isinstance(
        in_child(lambda: list(idle.run_blocking(idle.call_once("list_collections")))), list
    )


def test_a_fork_in_the_midst_of_quick_calls_waits_for_them(idle: MilvusConnection) -> None:
    stop = threading.Event()
    failures: list[Exception] = []

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                idle.run_blocking(idle.call_once("list_collections"))
            except Exception as error:  # noqa: BLE001  whatever it is
                failures.append(error)

    askers = [threading.Thread(target=keep_asking) for _ in range(3)]
    for one in askers:
        one.start()
    try:
        for _ in range(5):
            in_child(lambda: idle.run_blocking(idle.call_once("list_collections")) and None)
    finally:
        stop.set()
        for one in askers:
            one.join()

    assert failures == []


def test_a_child_that_was_forked_while_a_call_took_long_is_told_so_at_once(
    idle: MilvusConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alir.milvus.client.client_loop.RESTS_WITHIN_S", 0.2)
    may_end = threading.Event()

    async def take_long(_: object) -> str:
        while not may_end.is_set():
            await asyncio.sleep(0.01)
        return "ended"

    async def begin() -> str:
        return await idle.begin("take long", take_long)

    with ThreadPoolExecutor(1) as other:
        long_call = other.submit(asyncio.run, begin())
        while not idle._calls:
            time.sleep(0.01)

        def refusal() -> str:
            with pytest.raises(ForkedInUse) as told:
                idle.run_blocking(idle.call_once("list_collections"))
            idle.run_blocking(idle.close())
            return str(told.value)

        assert f"process {os.getpid()}" in in_child(refusal)
        may_end.set()
        assert long_call.result(30) == "ended"


def test_a_child_of_a_parent_with_another_librarys_channel_is_told_so_at_once(
    idle: MilvusConnection, uri: str
) -> None:
    loop = asyncio.new_event_loop()
    theirs = AsyncMilvusClient(uri, dedicated=True)
    loop.run_until_complete(theirs.list_collections())

    def refusal() -> str:
        with pytest.raises(ForkedInUse) as told:
            idle.run_blocking(idle.call_once("list_collections"))
        return str(told.value)

    assert "another of its libraries" in in_child(refusal)
    loop.run_until_complete(theirs.close())
    loop.close()
