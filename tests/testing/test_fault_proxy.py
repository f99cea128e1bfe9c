"""The proxy's faults, in front of a server that echoes and in front of a real Milvus."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from pymilvus import AsyncMilvusClient, MilvusException

from alir.testing import FaultProxy, MilvusServer

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[FaultProxy], Awaitable[Streams]]


class Echo:
    """Answers each line with itself, and remembers what it got."""

    def __init__(self) -> None:
        self.got = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(1000):
                self.got += piece
                writer.write(piece)
                await writer.drain()
        writer.close()


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[FaultProxy]:
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, FaultProxy(f"http://127.0.0.1:{port}") as proxy:
        yield proxy
        await proxy.fail("refuse")


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Open connections to a proxy; they are closed after the test."""
    opened: list[asyncio.StreamWriter] = []

    async def connect(proxy: FaultProxy) -> Streams:
        port = int(proxy.uri.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        opened.append(writer)
        return reader, writer

    yield connect
    for writer in opened:
        writer.transport.abort()
    await asyncio.sleep(0)


async def said(streams: Streams, line: bytes) -> bytes:
    """Send a line and return what comes back."""
    reader, writer = streams
    writer.write(line)
    return await reader.readexactly(len(line))


async def hears_nothing(streams: Streams, line: bytes = b"") -> bool:
    """Send a line; whether nothing comes back in a tenth of a second."""
    reader, writer = streams
    writer.write(line)
    try:
        async with asyncio.timeout(0.1):
            return not await reader.read(1) and False
    except TimeoutError:
        return True


async def test_without_a_fault_everything_is_handed_on(proxy: FaultProxy, connect: Connect) -> None:
    streams = await connect(proxy)
    large = bytes(range(256)) * 4000
    assert await said(streams, b"hello") == b"hello"
    assert await said(streams, large) == large


async def test_the_end_of_one_side_is_the_end_of_the_other(
    proxy: FaultProxy, connect: Connect
) -> None:
    reader, writer = await connect(proxy)
    writer.write(b"last words")
    writer.write_eof()
    assert await reader.read() == b"last words"


async def test_a_dropped_response_leaves_the_request_done(
    proxy: FaultProxy, connect: Connect, echo: Echo
) -> None:
    streams = await connect(proxy)
    await said(streams, b"one ")
    await proxy.fail("drop responses")
    assert await hears_nothing(streams, b"two ")
    assert echo.got == b"one two "

    await proxy.fail("none")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await said(streams, b"three")
    again = await connect(proxy)
    assert await said(again, b"four") == b"four"


async def test_a_frozen_connection_goes_on_where_it_stopped(
    proxy: FaultProxy, connect: Connect, echo: Echo
) -> None:
    old = await connect(proxy)
    await said(old, b"one ")
    await proxy.fail("freeze")
    new = await connect(proxy)
    assert await hears_nothing(old, b"two ")
    assert await hears_nothing(new, b"three ")
    assert echo.got == b"one "

    await proxy.fail("none")
    assert await old[0].readexactly(4) == b"two "
    assert await new[0].readexactly(6) == b"three "


@pytest.mark.parametrize("frozen_before", [False, True])
async def test_a_reset_connection_is_reset_and_so_are_new_ones(
    proxy: FaultProxy, connect: Connect, *, frozen_before: bool
) -> None:
    streams = await connect(proxy)
    await said(streams, b"one")
    if frozen_before:
        await proxy.fail("freeze")
        streams[1].write(b"two")
    await proxy.fail("reset")
    with pytest.raises(ConnectionResetError):
        await streams[0].readexactly(1)
    new = await connect(proxy)
    with pytest.raises(ConnectionResetError):
        await new[0].readexactly(1)


async def test_a_refusing_proxy_listens_again_at_the_same_address(
    proxy: FaultProxy, connect: Connect
) -> None:
    streams, uri = await connect(proxy), proxy.uri
    await proxy.fail("refuse")
    with pytest.raises(ConnectionResetError):
        await streams[0].readexactly(1)
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy)
    await proxy.fail("none")
    assert proxy.uri == uri
    again = await connect(proxy)
    assert await said(again, b"hello") == b"hello"


async def test_a_fault_begins_after_so_many_bytes(
    proxy: FaultProxy, connect: Connect, echo: Echo
) -> None:
    streams = await connect(proxy)
    await proxy.fail("reset", after_bytes=7)
    await said(streams, b"four")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await said(streams, b"four")
    await asyncio.sleep(0)
    assert echo.got in {b"four", b"fourfou"}, "a reset may overtake the last of them"
    assert proxy.fault == "reset"


async def test_a_freeze_lets_no_byte_more_pass_than_it_may(
    proxy: FaultProxy, connect: Connect, echo: Echo
) -> None:
    streams = await connect(proxy)
    await proxy.fail("freeze", after_bytes=7)
    assert await hears_nothing(streams, b"0123456789")
    assert echo.got == b"0123456"
    await proxy.fail("none")
    assert await streams[0].readexactly(10) == b"0123456789"


async def test_a_fault_begins_after_so_many_requests(
    proxy: FaultProxy, connect: Connect, echo: Echo
) -> None:
    streams = await connect(proxy)
    await proxy.fail("drop responses", after_sends=3)
    assert await said(streams, b"one ") == b"one "
    assert await said(streams, b"two ") == b"two "
    assert await hears_nothing(streams, b"three ")
    assert (echo.got, proxy.sends) == (b"one two three ", 3)


async def test_one_connection_fails_and_the_others_go_on(
    proxy: FaultProxy, connect: Connect
) -> None:
    one, other = await connect(proxy), await connect(proxy)
    await said(one, b"both are accepted")
    await said(other, b"both are accepted")
    await proxy.fail("reset", connection=min(proxy.connections))
    with pytest.raises(ConnectionResetError):
        await one[0].readexactly(1)
    assert await said(other, b"hello") == b"hello"
    new = await connect(proxy)
    assert await said(new, b"hello") == b"hello"


async def test_latency_delays_each_direction(proxy: FaultProxy, connect: Connect) -> None:
    streams = await connect(proxy)
    proxy.latency_s = 0.15
    assert await hears_nothing(streams, b"hello"), "the request alone takes longer"
    assert await streams[0].readexactly(5) == b"hello"


async def test_a_server_that_is_gone_ends_the_connection(connect: Connect) -> None:
    async with FaultProxy("http://127.0.0.1:9") as proxy:
        reader, _ = await connect(proxy)
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)


async def test_milvus_does_what_it_was_asked_though_its_answer_is_lost(
    milvus_server: MilvusServer,
) -> None:
    async with FaultProxy(milvus_server.uri) as proxy:
        client = AsyncMilvusClient(proxy.uri, dedicated=True)
        await client.list_collections()
        await proxy.fail("drop responses")
        name = "dropped_but_there"
        with pytest.raises(MilvusException):
            await client.create_collection(name, dimension=2, timeout=1)
        await proxy.fail("none")
        assert name in await client.list_collections(timeout=10)
        await client.drop_collection(name, timeout=10)
        await client.close()
