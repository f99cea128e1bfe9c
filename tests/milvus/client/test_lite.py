"""Milvus Lite's process: when it starts, when it ends, and what an idle client costs."""

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from alir import AlirMilvusStore
from alir.errors import AlirError, InvalidSetting, MilvusLiteNotStarted, StoreInUse
from alir.milvus.client import lite
from alir.milvus.client.connection import MilvusConnection
from tests.forked import in_child, skip_where_another_channel_is_open
from tests.milvus.nodes import fruit


def servers_of(path: Path, of: psutil.Process | None = None) -> list[psutil.Process]:
    return [
        child
        for child in (of or psutil.Process()).children()
        if child.name() == "milvus" and str(path.resolve()) in child.cmdline()
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


FORKS = """
import os, sys
from alir import AlirMilvusStore
from tests.milvus.nodes import fruit

store = AlirMilvusStore(sys.argv[1], collection_name="fruit", dim=4)
store.add(fruit()[:2])
if not (child := os.fork()):
    store.add(fruit()[2:])
    store.close()
    sys.exit(0)  # with all that Python does at its end
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(len(store.get_nodes(["apple", "banana", "cherry"])), store.connection.lite_starts)
"""


def test_a_forked_child_uses_its_parents_server_and_leaves_it_alone_also_at_its_end(
    tmp_path: Path,
) -> None:
    program = [sys.executable, "-c", FORKS, str(tmp_path / "shared.db")]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=120, check=True)

    assert ran.stdout.split() == ["3", "1"], "the server was never started again"


def test_a_forked_child_starts_its_own_server_when_its_parent_has_ended_its(
    tmp_path: Path,
) -> None:
    skip_where_another_channel_is_open()
    path = tmp_path / "left.db"
    store = AlirMilvusStore(str(path), collection_name="fruit", dim=4)
    store.add(fruit())
    asking, asked = os.pipe()
    with ThreadPoolExecutor(1) as other:

        def use_twice() -> list[int]:
            there = [len(store.get_nodes(["apple"]))]
            os.write(asked, b"used")
            while servers_of(path, of=psutil.Process().parent()):
                time.sleep(0.02)
            there.append(len(store.get_nodes(["apple"])))
            store.close()
            return there

        in_the_child = other.submit(in_child, use_twice)
        assert os.read(asking, 4) == b"used"
        store.close()

        assert in_the_child.result() == [1, 1]
    assert len(store.get_nodes(["apple"])) == 1
    store.close()


def test_nobody_else_can_read_the_file_its_lock_its_logs_or_connect_to_its_socket(
    tmp_path: Path,
) -> None:
    before = os.umask(0)
    try:
        store = AlirMilvusStore(str(tmp_path / ".alir" / "private.db"), dim=4)
        store.add(fruit())
    finally:
        os.umask(before)

    [server] = servers_of(tmp_path / ".alir" / "private.db")
    socket = Path(server.cmdline()[2].removeprefix("unix:"))
    made = [*(tmp_path / ".alir").iterdir(), *socket.parent.glob("*.log.*")]
    opened = [Path(one.path) for one in server.open_files()]
    assert {one.name for one in made} > {"private.db", ".private.db.lock"}
    assert {stat.S_IMODE(one.stat().st_mode) for one in [*made, *opened]} == {0o600}
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / ".alir").stat().st_mode) == 0o700
    store.close()
    assert not socket.parent.exists()


def test_a_file_that_others_could_read_is_taken_from_them_and_a_users_folder_stays_open(
    tmp_path: Path,
) -> None:
    path = tmp_path / "old.db"
    store = AlirMilvusStore(str(path), dim=4)
    store.add(fruit())
    store.close()
    path.chmod(0o644)
    tmp_path.chmod(0o755)

    assert len(store.get_nodes(["apple"])) == 1

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    store.close()


async def test_a_system_that_gives_no_descriptor_is_an_error_that_names_the_file(
    tmp_path: Path,
) -> None:
    connection = MilvusConnection(str(tmp_path / "none.db"))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    await connection.on_client_loop(asyncio.to_thread(lite.revive, "unused"))
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        with pytest.raises(MilvusLiteNotStarted, match=r"none\.db.*[Tt]oo many open files"):
            await connection.call_method("list_collections")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert await connection.call_method("list_collections") == []
    await connection.close()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a file system in memory with options of `mount`, where that is allowed."""
    folder = tmp_path / "mounted"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
            pytest.skip("this user may mount nothing here")
        return folder

    yield mount
    if os.path.ismount(folder):
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ("size=8m,nr_inodes=1", MilvusLiteNotStarted, "No space left"),
        ("size=8m,ro", InvalidSetting, "Read-only file system"),
    ],
)
async def test_a_disk_without_room_for_a_file_or_read_only_is_an_error_that_names_it(
    mounted: Callable[[str], Path], options: str, error: type[AlirError], told: str
) -> None:
    folder = mounted(options)

    with pytest.raises(error, match=told) as refused:
        await MilvusConnection(str(folder / "here.db")).call_method("list_collections")

    assert str(folder / "here.db") in str(refused.value)
