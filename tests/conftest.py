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
def milvus_server(milvus_binary: Path) -> Iterator[MilvusServer]:
    """A real Milvus standalone server, one for the session; started by the first test that asks."""
    with MilvusServer(session_ttl_s=20) as server:  # frozen for 13 s at most; see MilvusServer
        yield server
