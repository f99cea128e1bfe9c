"""A limit on the connections that are open at once.

A connection without a request under way can be closed for a new one: it may be half-open, and have
nothing to say. So clients that only hold connections do not keep others out.
"""

from typing import Protocol

from alir.server.telemetry.rare_log import RareLog

WARNINGS = RareLog("alir.connections")


class ClientConnection(Protocol):
    """What the limiter needs of a connection."""

    def abort(self) -> None:
        """Close it at once; what was not sent yet is lost."""


class ConnectionLimiter:
    """Knows the open connections, and which of them are idle."""

    def __init__(self, max_connections: int) -> None:
        self.max_connections = max_connections
        self._addresses: dict[ClientConnection, str] = {}
        # The idle connections of each address, the one that has been idle longest first.
        self._idle: dict[str, dict[ClientConnection, None]] = {}

    @property
    def open(self) -> int:
        """How many are open."""
        return len(self._addresses)

    def add(self, connection: ClientConnection, address: str) -> None:
        """Count a new connection of a client's address; it is idle."""
        self._addresses[connection] = address
        self.set_idle(connection)

    def discard(self, connection: ClientConnection) -> None:
        """Count a connection no more."""
        if connection in self._addresses:
            self.set_busy(connection)
            del self._addresses[connection]

    def set_idle(self, connection: ClientConnection) -> None:
        """Note that a connection has no request under way."""
        if (address := self._addresses.get(connection)) is not None:
            self._idle.setdefault(address, {})[connection] = None

    def set_busy(self, connection: ClientConnection) -> None:
        """Note that a connection has a request under way."""
        address = self._addresses.get(connection, "")
        if connection in (idle := self._idle.get(address, {})):
            del idle[connection]
            if not idle:
                del self._idle[address]

    def make_room(self) -> bool:
        """Close an idle connection if as many are open as may be; return whether one may open."""
        return self.open < self.max_connections or self.close_idle()

    def close_idle(self) -> bool:
        """Close the connection that has been idle longest, of the address that has the most."""
        if not self._idle:
            return False
        address = max(self._idle, key=lambda one: len(self._idle[one]))
        connection = next(iter(self._idle[address]))
        self.discard(connection)
        connection.abort()
        WARNINGS.warn("An idle connection was closed to make room for a new one.")
        return True
