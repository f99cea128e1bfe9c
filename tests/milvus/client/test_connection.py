"""A Milvus that is not there, does not answer, or does not let in."""

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymilvus.exceptions import MilvusException

from alir.errors import (
    AccessRefused,
    InvalidSetting,
    MilvusFailed,
    MilvusTimeout,
    MilvusUnavailable,
)
from alir.milvus.client.connection import MilvusConnection
from alir.testing import MilvusServer


@pytest.fixture(scope="module")
def guarded_server(milvus_binary: Path) -> Iterator[MilvusServer]:
    """A server that asks for a password, and that nothing else uses: it gets frozen."""
    del milvus_binary  # asked for because it skips where there is none
    with MilvusServer(auth=True, session_ttl_s=60) as server:
        yield server


async def test_nothing_at_the_address_is_an_error_at_once() -> None:
    connection = MilvusConnection("http://127.0.0.1:1", timeout_s=5)
    with pytest.raises(MilvusUnavailable, match=r"No Milvus answers at http://127\.0\.0\.1:1"):
        await connection.call_method("list_collections")


async def test_a_frozen_server_is_an_error_within_the_timeout(
    guarded_server: MilvusServer,
) -> None:
    connection = MilvusConnection(guarded_server.uri, "root:Milvus", timeout_s=1.5)
    await connection.call_method("list_collections")
    guarded_server.freeze()
    try:
        started = time.monotonic()
        with pytest.raises(MilvusTimeout, match=r"did not answer within 1\.5 s"):
            await connection.call_method("list_collections")
        waited = time.monotonic() - started
    finally:
        guarded_server.thaw()
    assert waited < 15, "far beyond the timeout: it did not bound the call"
    assert await connection.call_method("has_collection", "nothing") is False
    await connection.close()


async def test_an_error_of_milvus_says_which_call_failed_and_why(
    milvus_server: MilvusServer,
) -> None:
    connection = MilvusConnection(milvus_server.uri, timeout_s=5)
    with pytest.raises(MilvusFailed, match=r"failed in describe_collection: .*nothing"):
        await connection.call_method("describe_collection", "nothing")
    await connection.close()


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("ftp://127.0.0.1/", "needs start with"),
        ("name with spaces.db", "name with spaces"),
        ("a" * 40 + ".db", "at most 36"),
    ],
)
async def test_an_address_milvus_cannot_use_names_the_setting(
    uri: str, why: str, tmp_path: Path
) -> None:
    connection = MilvusConnection(uri if "://" in uri else str(tmp_path / uri))
    with pytest.raises(InvalidSetting, match=f"ALIR_MILVUS_URI: .*{why}"):
        await connection.call_method("list_collections")


def test_it_can_be_called_from_one_event_loop_after_another(milvus_server: MilvusServer) -> None:
    connection = MilvusConnection(milvus_server.uri)
    for _ in range(3):
        assert asyncio.run(connection.call_method("has_collection", "nothing")) is False
    assert connection.run_blocking(connection.call_method("has_collection", "nothing")) is False
    connection.run_blocking(connection.close())


async def test_a_wrong_password_names_the_setting_and_not_the_password(
    guarded_server: MilvusServer,
) -> None:
    for token in ("root:wrong-password", ""):
        connection = MilvusConnection(guarded_server.uri, token, timeout_s=5)
        with pytest.raises(AccessRefused, match="ALIR_MILVUS_TOKEN") as refused:
            await connection.call_method("list_collections")
        assert "wrong-password" not in str(refused.value)
        await connection.close()
    connection = MilvusConnection(guarded_server.uri, "root:Milvus", timeout_s=5)
    assert await connection.call_method("list_collections") == []
    await connection.close()


async def test_an_error_of_a_call_that_nobody_waits_for_any_more_is_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    connection = MilvusConnection(str(tmp_path / "unused.db"), timeout_s=5)
    failed = threading.Event()

    async def fail() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            failed.set()
            raise MilvusUnavailable("milvus.db") from None

    waiting = asyncio.ensure_future(connection.on_client_loop(fail()))
    await asyncio.sleep(0.05)
    waiting.cancel()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], BaseException)
    assert await asyncio.to_thread(failed.wait, 10)
    await connection.on_client_loop(asyncio.sleep(0.05))
    gc.collect()

    assert caplog.messages == []


async def test_milvus_lite_that_still_starts_is_asked_again(tmp_path: Path) -> None:
    connection = MilvusConnection(str(tmp_path / "new.db"), timeout_s=5)
    # As Milvus Lite 2.5.1 says it, to one in fifty where others want the cores.
    message = 'Assert "init_flag_ == true"  => Mmap manager has not been init. at MmapManager.h:96'
    asked: list[object] = []

    async def create(client: object) -> str:
        asked.append(client)
        if len(asked) == 1:
            raise MilvusException(2000, message)
        return "made"

    assert await connection.begin("create_collection", create) == "made"
    assert len(asked) == 2
    await connection.close()
