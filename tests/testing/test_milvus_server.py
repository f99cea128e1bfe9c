import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from threading import Thread
from uuid import uuid4

import grpc
import httpx
import pytest
from pymilvus import AsyncMilvusClient, DataType, MilvusClient, MilvusException

from alir import AlirMilvusStore
from alir.errors import AccessRefused
from alir.testing import CannotLaunchMilvus, MilvusNotStarted, MilvusServer
from alir.testing.milvus_server import free_ports


@pytest.fixture
async def client(milvus_server: MilvusServer) -> AsyncIterator[AsyncMilvusClient]:
    client = AsyncMilvusClient(milvus_server.uri, dedicated=True)
    yield client
    await client.close()


@pytest.fixture(scope="module")
def server_with_auth(milvus_binary: Path) -> Iterator[MilvusServer]:
    """Another server beside the session's, with authorization, started by a thread that ended."""
    server = MilvusServer(auth=True, session_ttl_s=3)
    thread = Thread(target=server.start)
    thread.start()
    thread.join()
    yield server
    server.stop()


async def test_it_stores_and_searches(client: AsyncMilvusClient) -> None:
    name = f"test_{uuid4().hex}"
    await client.create_collection(name, dimension=2, consistency_level="Strong")
    await client.insert(name, [{"id": 1, "vector": [1.0, 0.0]}, {"id": 2, "vector": [0.0, 1.0]}])
    (hits,) = await client.search(name, data=[[0.9, 0.1]], limit=2)
    await client.drop_collection(name)
    assert [hit["id"] for hit in hits] == [1, 2]


async def test_a_frozen_server_answers_only_once_thawed(
    client: AsyncMilvusClient, milvus_server: MilvusServer
) -> None:
    await client.list_collections()
    milvus_server.freeze()
    try:
        with pytest.raises(MilvusException, match="timeout"):
            await client.list_collections(timeout=0.5)
        assert milvus_server.alive
    finally:
        milvus_server.thaw()
    await client.list_collections(timeout=5)


@pytest.fixture
def starved_server(milvus_server: MilvusServer) -> Iterator[MilvusServer]:
    """A server that gets the cores only when nobody else wants them, and others do."""
    spin = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(spin) for _ in range(2 * (os.cpu_count() or 1))]
    schedule(milvus_server, os.SCHED_IDLE)
    yield milvus_server
    schedule(milvus_server, os.SCHED_OTHER)
    for process in busy:
        process.kill()
        process.wait()


def schedule(server: MilvusServer, policy: int) -> None:
    for thread in threads(server):
        os.sched_setscheduler(int(thread.name), policy, os.sched_param(0))


def threads(server: MilvusServer) -> Iterator[Path]:
    return Path(f"/proc/{server.pid}/task").iterdir()


def test_a_frozen_server_stands_still_at_once(starved_server: MilvusServer) -> None:
    starved_server.freeze()
    try:
        told = [(thread / "status").read_text() for thread in threads(starved_server)]
        assert {re.findall(r"^State:\t(\w)", one, re.MULTILINE)[0] for one in told} == {"T"}
    finally:
        starved_server.thaw()


def test_to_start_a_server_that_serves_changes_nothing(milvus_server: MilvusServer) -> None:
    before = milvus_server.pid
    milvus_server.start()
    assert milvus_server.pid == before


def test_a_server_outlives_the_thread_that_started_it(server_with_auth: MilvusServer) -> None:
    assert server_with_auth.alive


def test_two_servers_have_different_data(
    milvus_server: MilvusServer, server_with_auth: MilvusServer
) -> None:
    assert milvus_server.uri != server_with_auth.uri
    assert milvus_server.data_dir != server_with_auth.data_dir


def test_a_wrong_password_is_refused(server_with_auth: MilvusServer) -> None:
    with pytest.raises(MilvusException) as caught:
        MilvusClient(server_with_auth.uri, token="root:wrong")  # noqa: S106
    assert isinstance(caught.value.__cause__, grpc.Call)
    assert caught.value.__cause__.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_killed_server_comes_back_with_its_data_at_the_same_address(
    server_with_auth: MilvusServer,
) -> None:
    def connect() -> MilvusClient:
        return MilvusClient(server_with_auth.uri, token="root:Milvus", dedicated=True)  # noqa: S106

    client = connect()
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    client.create_collection("kept", schema=schema)
    client.close()
    data_dir = server_with_auth.data_dir

    server_with_auth.kill()
    assert (server_with_auth.alive, server_with_auth.pid) == (False, None)
    with pytest.raises(MilvusException):
        connect()

    server_with_auth.start()
    client = connect()
    assert client.list_collections() == ["kept"]
    client.close()

    server_with_auth.stop()
    assert not data_dir.exists()


def test_a_server_dies_with_its_parent(milvus_binary: Path, tmp_path: Path) -> None:
    parent = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, pathlib, signal, sys, threading, time\n"
            "from alir.testing import MilvusServer\n"
            "server = MilvusServer(data_dir=pathlib.Path(sys.argv[1]))\n"
            "threading.Thread(target=server.start).start()\n"
            "while not (server.data_dir / 'etcd').exists():\n"
            "    time.sleep(0.05)\n"
            "print(server.pid, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert parent.returncode == -signal.SIGKILL
    pid = int(parent.stdout)
    deadline = time.monotonic() + 5.0
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)
    shutil.rmtree(tmp_path)  # 200 MB


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_server_that_dies_while_starting_tells_why(milvus_binary: Path) -> None:
    server = MilvusServer()
    data_dir = server.data_dir
    (data_dir / "rocksmq").write_text("a file where Milvus wants a folder")
    with pytest.raises(MilvusNotStarted, match=r"died while starting[\s\S]*fail to init rocksmq"):
        server.start()
    assert not server.alive
    assert not data_dir.exists()


def test_a_server_that_is_late_is_ended(milvus_binary: Path) -> None:
    server = MilvusServer(timeout_s=0.05)
    with pytest.raises(MilvusNotStarted, match=r"was not healthy within 0\.05 s"):
        server.start()
    assert not server.alive


def test_a_port_that_is_taken_is_named(milvus_server: MilvusServer) -> None:
    with pytest.raises(CannotLaunchMilvus, match=f"port {milvus_server.port} is taken"):
        MilvusServer(port=milvus_server.port).start()


def test_nothing_is_written_or_started_before_the_start() -> None:
    server = MilvusServer()
    assert server.uri.startswith("http://127.0.0.1:")
    assert not server.alive
    server.stop()


def test_free_ports_are_distinct_and_outside_the_range_of_outgoing_connections() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert max(ports) < 32_768


@pytest.mark.parametrize(
    "headers",
    [{}, {"Host": "evil.example", "Origin": "http://evil.example"}, {"Authorization": "Bearer x"}],
)
def test_with_authorization_its_http_side_answers_nobody_without_credentials(
    server_with_auth: MilvusServer, headers: dict[str, str]
) -> None:
    """What docker-compose.milvus.yml relies on: a page of any browser here could ask."""
    client = MilvusClient(server_with_auth.uri, token="root:Milvus", dedicated=True)  # noqa: S106
    if not client.has_collection("secret"):
        client.create_collection("secret", dimension=2)
    client.close()
    asked = [
        httpx.get(f"{server_with_auth.uri}/v1/vector/collections", headers=headers),
        httpx.post(
            f"{server_with_auth.uri}/v1/vector/collections/drop",
            headers=headers,
            json={"collectionName": "secret"},
        ),
    ]

    assert "secret" not in asked[0].text
    assert all(one.status_code in {401, 403} or one.json()["code"] >= 400 for one in asked)
    client = MilvusClient(server_with_auth.uri, token="root:Milvus", dedicated=True)  # noqa: S106
    assert client.has_collection("secret")
    client.close()


async def test_with_authorization_alir_needs_its_token(server_with_auth: MilvusServer) -> None:
    for token in ("", "root:wrong"):
        with pytest.raises(AccessRefused, match="ALIR_MILVUS_TOKEN"):
            await AlirMilvusStore(server_with_auth.uri, token).count()
    store = AlirMilvusStore(server_with_auth.uri, "root:Milvus", "nothing_here")
    assert await store.count() == 0
    await store.aclose()
