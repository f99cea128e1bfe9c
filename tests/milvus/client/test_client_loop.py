"""The loop of all clients: a request goes out at once, and no caller waits for a busy one."""

import asyncio
import threading
from pathlib import Path

import pytest

from alir.milvus.client.connection import MilvusConnection


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
