"""Fixtures that several packages' tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from alir.testing import CannotLaunchMilvus, MilvusServer
from alir.testing.milvus_binary import unpacked_binary

# Chosen with --hypothesis-profile=soak: what can run long then does.
settings.register_profile("soak")


@pytest.fixture(scope="session")
def milvus_binary() -> Path:
    """The path of a real Milvus; skips where there is none."""
    try:
        return unpacked_binary()
    except CannotLaunchMilvus as exc:
        pytest.skip(exc.problem)


@pytest.fixture(scope="session")
def frozen_server(milvus_binary: Path) -> Iterator[MilvusServer]:
    """A real Milvus standalone server, one for the session, that does nothing."""
    with MilvusServer(session_ttl_s=3600) as server:  # longer than it is ever frozen
        server.freeze()
        yield server
        server.kill()  # to end in order takes seconds, and its data are thrown away


@pytest.fixture(scope="module")
def milvus_server(frozen_server: MilvusServer) -> Iterator[MilvusServer]:
    """The session's server; started by the first test that asks.

    It is frozen while a file's tests have no use for it: idle, it takes a quarter of a core.
    """
    frozen_server.thaw()
    yield frozen_server
    frozen_server.freeze()
