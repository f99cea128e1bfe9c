"""Milvus Lite's process: when it starts, when it ends, and what an idle client costs."""

import asyncio
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from alir import AlirMilvusStore
from alir.errors import InvalidSetting, StoreInUse
from alir.milvus.client.connection import MilvusConnection
from tests.milvus.nodes import fruit


def servers_of(path: Path) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if str(path.resolve()) in child.cmdline()
    ]


async def test_the_server_lives_as_long_as_its_last_user(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    one, other = MilvusConnection(str(path)), MilvusConnection(str(path))
    assert (
        await one.call_method("list_collections")
        == await other.call_method("list_collections")
        == []
    )
    assert len(servers_of(path)) == 1
    await one.close()
    assert await other.call_method("list_collections") == []
    await other.close()
    assert servers_of(path) == []
    assert await one.call_method("list_collections") == [], "and comes back for the next"
    await one.close()


async def test_a_file_that_is_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    diary = tmp_path / "diary.db"
    diary.write_text("Dear diary,")
    with pytest.raises(InvalidSetting, match="not a Milvus Lite file"):
        await MilvusConnection(str(diary)).call_method("list_collections")
    assert diary.read_text() == "Dear diary,"
    with pytest.raises(InvalidSetting, match="is a folder"):
        await MilvusConnection(str(tmp_path / ".." / tmp_path.name)).call_method("list_collections")


async def test_a_file_that_a_dying_server_still_writes_to_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    connection = MilvusConnection(str(path))
    await connection.call_method("list_collections")
    await connection.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as dying:
        dying.execute("BEGIN EXCLUSIVE")
        waiting = asyncio.create_task(connection.call_method("list_collections"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        dying.execute("ROLLBACK")
    assert await waiting == []
    await connection.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as living:
        living.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreInUse):
            await connection.call_method("list_collections")


async def test_ctrl_c_which_reaches_it_too_does_not_end_it_under_its_users(tmp_path: Path) -> None:
    path = tmp_path / "interrupted.db"
    connection = MilvusConnection(str(path))
    assert await connection.call_method("list_collections") == []
    [server] = servers_of(path)
    server.send_signal(signal.SIGINT)
    with pytest.raises(psutil.TimeoutExpired):
        await asyncio.to_thread(server.wait, 1)
    assert await connection.call_method("list_collections") == []
    await connection.close()
    assert servers_of(path) == []


async def test_an_idle_client_does_not_ping_lite_which_would_hang_up_on_it(
    tmp_path: Path,
) -> None:
    # pymilvus pings every 10 s; after 30 s of it Lite refuses everyone. Waiting is not for a
    # suite: the option that stops it must reach gRPC.
    connection = MilvusConnection(str(tmp_path / "idle.db"))
    await connection.call_method("list_collections")
    client = connection._client
    assert client is not None
    assert client._handler._grpc_options["grpc.keepalive_permit_without_calls"] == 0
    await connection.close()


async def test_what_the_process_writes_reaches_nobody(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from alir import AlirMilvusStore\n"
        "from llama_index.core.schema import TextNode\n"
        "store = AlirMilvusStore(sys.argv[1], dim=2)\n"
        "store.add([TextNode(text='a', embedding=[1.0, 0.0])])\n"
        "async def fail():\n"
        "    try:\n"
        "        await store.count('not a filter (')\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__)\n"
        "asyncio.run(fail())\n"
        "store.close()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        str(tmp_path / "quiet.db"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert (stdout, stderr) == (b"MilvusFailed\n", b"")


async def test_lite_says_that_a_file_in_use_is_in_use(tmp_path: Path) -> None:
    store = AlirMilvusStore(str(tmp_path / "held.db"), dim=4)
    await store.async_add(fruit())
    code = (
        "import asyncio; from alir import AlirMilvusStore\n"
        f"asyncio.run(AlirMilvusStore({str(tmp_path / 'held.db')!r}, dim=4).count())"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()
    assert b"StoreInUse" in stderr
    assert b"held.db is in use by another process" in stderr
    await store.aclose()
