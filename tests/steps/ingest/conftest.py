"""A ledger in a file of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alir.storage.ledger import SqliteLedger


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    """A ledger that is empty."""
    ledger = SqliteLedger(tmp_path / "a.ledger", "docs")
    yield ledger
    await ledger.aclose()
