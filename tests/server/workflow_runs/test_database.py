"""The file of runs: one transaction for calls that wait together."""

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
