"""The port of a service."""

import socket

import pytest

from alir.errors import InvalidSetting
from alir.server.connections.listener import open_port


def test_what_is_accepted_sends_at_once() -> None:
    with open_port("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_told() -> None:
    with open_port("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(InvalidSetting, match="cannot be listened on"):
            open_port("127.0.0.1", taken.getsockname()[1])
