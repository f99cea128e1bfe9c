"""The file of runs: one transaction for calls that wait together."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from llama_agents.server import HandlerQuery

from alir.errors import ServiceFileFailed
from alir.server.workflow_runs.database import RunDatabase
from alir.server.workflow_runs.store import RunStore

ALL = HandlerQuery()


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[RunDatabase]:
    one = RunDatabase(tmp_path / "x" / "a.runs")
    yield one
    await one.aclose()


async def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.runs").write_text("no database" * 1000)
    file = RunDatabase(tmp_path / "a.runs")
    with pytest.raises(ServiceFileFailed, match="the runs in it are forgotten"):
        await RunStore(file, "alir").query(ALL)
    await file.aclose()


async def test_calls_that_wait_together_share_a_transaction_and_each_has_its_own_error(
    tmp_path: Path,
) -> None:
    file = RunDatabase(tmp_path / "a.runs")

    def fail(_: sqlite3.Connection) -> None:
        raise LookupError("of one alone")

    def count(db: sqlite3.Connection) -> int:
        return int(db.execute("SELECT count(*) FROM run").fetchone()[0])

    results = await asyncio.gather(
        file.transact(count), file.transact(fail), file.transact(count), return_exceptions=True
    )
    await file.aclose()

    assert results[::2] == [0, 0]
    assert isinstance(results[1], LookupError)
