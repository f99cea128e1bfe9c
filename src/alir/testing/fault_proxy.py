"""A TCP proxy in front of a server, whose connections fail on command."""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import urlsplit

Fault = Literal["none", "drop responses", "freeze", "reset", "refuse"]
HOST = "127.0.0.1"
_PIECE_BYTES = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class FaultProxy:
    """Forwards what clients and a server send each other, and fails on command.

        async with FaultProxy(server.uri) as proxy:
            client = connect(proxy.uri)
            await proxy.fail("drop responses", after_sends=3)
            ...
            await proxy.fail("none")

    - "none": everything is forwarded.
    - "drop responses": what a client sends reaches the server, which does it; the answer never
      comes. A connection that lost bytes is unusable, so it is reset afterwards.
    - "freeze": connections are accepted, and no byte moves until the fault is over.
    - "reset": connections end with a TCP reset; new ones do so as soon as they are accepted.
    - "refuse": connections end with a reset, and nothing listens for new ones.

    `latency_s` delays each piece, of 64 KiB at most, in each direction; it may be changed at any
    time. A proxy belongs to the event loop that started it.
    """

    latency_s: float
    fault: Fault
    """The fault of new connections."""
    connections: "dict[int, Connection]"
    """The open connections by number, oldest first; the first number is 0."""
    sends: int
    """Pieces that clients have sent; a small gRPC request is one or two."""

    def __init__(self, server: str, *, latency_s: float = 0.0) -> None:
        """Prepare a proxy of the server at `server`, as in http://127.0.0.1:19530."""
        address = urlsplit(server)
        self._server = (address.hostname, address.port)
        self.latency_s = latency_s
        self.fault = "none"
        self.connections = {}
        self.sends = 0
        self._accepted = 0
        self._plan: _Plan | None = None
        self._listening: asyncio.Server | None = None
        self._port = 0
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def uri(self) -> str:
        """The address for clients, the same before, during and after a fault."""
        return f"http://{HOST}:{self._port}"

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.fail("refuse")
        await asyncio.gather(*self._serving)

    async def fail(
        self,
        fault: Fault,
        *,
        connection: int | None = None,
        after_sends: int | None = None,
        after_bytes: int | None = None,
    ) -> None:
        """Begin a fault, or end it with "none".

        Args:
            connection: the number of the only one that is to fail; None is all, and new ones.
            after_sends: begin when clients have sent so many more pieces; the last is handed on.
            after_bytes: begin when so many more of the clients' bytes were handed on.
        """
        if after_sends is not None or after_bytes is not None:
            self._plan = _Plan(fault, connection, after_sends, after_bytes)
            return
        self._plan = None
        if connection is not None:
            self.connections[connection].meet(fault)
            return
        self.fault = fault
        for one in [*self.connections.values()]:
            one.meet(fault)
        if fault != "refuse" and self._listening is None:
            await self._listen()
        elif fault == "refuse" and self._listening is not None:
            self._listening.close()
            self._listening = None

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._accept, HOST, self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  for the type checker
        self._serving.add(task)
        number, one = self._accepted, Connection(writer)
        self._accepted += 1
        self.connections[number] = one
        one.meet(self.fault)
        try:
            await one.moving.wait()
            if not one.ended:
                answers, one.server = await asyncio.open_connection(*self._server)
                ways = self._requests(number, reader), self._responses(one, answers)
                await asyncio.gather(*ways)
        except OSError:
            one.reset()  # one side went away, so does the other
        finally:
            one.close()
            del self.connections[number]
            self._serving.discard(task)

    async def _requests(self, number: int, reader: asyncio.StreamReader) -> None:
        one = self.connections[number]
        assert one.server is not None  # noqa: S101  for the type checker
        while piece := await reader.read(_PIECE_BYTES):
            await one.moving.wait()
            self.sends += 1
            plan = self._plan
            allowed = plan.allowed(number, piece) if plan else len(piece)
            await self._hand_on(piece[:allowed], one.server)
            if plan and plan.is_due and plan is self._plan:
                await self.fail(plan.fault, connection=plan.connection)
                await one.moving.wait()
            await self._hand_on(piece[allowed:], one.server)
        one.server.write_eof()

    async def _responses(self, one: "Connection", reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(_PIECE_BYTES):
            await one.moving.wait()
            if one.fault == "drop responses":
                one.lost_bytes = True
            else:
                await self._hand_on(piece, one.client)
        if one.fault != "drop responses":
            one.client.write_eof()

    async def _hand_on(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        if piece:
            await asyncio.sleep(self.latency_s)
            writer.write(piece)
            await writer.drain()


class Connection:
    """One connection of a client, and its fault."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.fault: Fault = "none"
        self.lost_bytes = False
        self.ended = False
        self.moving = asyncio.Event()
        """Not set while the connection is frozen."""

    def meet(self, fault: Fault) -> None:
        """Begin the fault, or end it."""
        self.fault = fault
        if fault in {"reset", "refuse"} or (self.lost_bytes and fault != "drop responses"):
            self.reset()
        elif fault == "freeze":
            self.moving.clear()
        else:
            self.moving.set()

    def reset(self) -> None:
        """End the connection on both sides with a TCP reset."""
        for writer in filter(None, (self.client, self.server)):
            if not writer.is_closing():
                kernel = writer.get_extra_info("socket")
                kernel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                writer.transport.abort()
        self.ended = True
        self.moving.set()

    def close(self) -> None:
        """End the connection as its two sides did."""
        for writer in filter(None, (self.client, self.server)):
            writer.close()


@dataclass(slots=True)
class _Plan:
    """A fault that begins later."""

    fault: Fault
    connection: int | None
    sends_left: int | None
    bytes_left: int | None

    @property
    def is_due(self) -> bool:
        return self.sends_left == 0 or self.bytes_left == 0

    def allowed(self, connection: int, piece: bytes) -> int:
        """Count a piece, and return how many of its bytes come before the fault."""
        if self.connection not in {None, connection}:
            return len(piece)
        if self.sends_left:
            self.sends_left -= 1
        if self.bytes_left is None:
            return len(piece)
        allowed = min(len(piece), self.bytes_left)
        self.bytes_left -= allowed
        return allowed
