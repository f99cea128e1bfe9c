"""The port that a service listens on."""

import socket

from alir.errors import InvalidSetting


def open_port(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to a port, for the server to listen on; 0 takes a free one.

    Raises:
        InvalidSetting: It cannot be bound.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted sockets inherit it. Without it a body waits 40 ms for the client to
            # acknowledge the head.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        where = f"--host {host} --port {port}"
        problem = f"it cannot be listened on: {(error.strerror or str(error)).lower()}"
        raise InvalidSetting(where, problem, "Choose another, or end what uses it.") from error
    return listener
