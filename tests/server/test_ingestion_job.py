"""A job: who follows it sees each change, and its end."""

import asyncio
from pathlib import Path

import pytest

from alir.server import ingestion_job
from alir.server.ingestion_job import IngestionJob
from alir.server.schemas.ingestions import Ingestion


async def test_followers_see_what_changes_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion_job, "UPDATE_INTERVAL_S", 0.0)
    ingestion = Ingestion(id="a", kind="ingest", state="queued", paths=["a.txt"], begun="2026")
    job = IngestionJob("acme", ingestion, [Path("/root/acme/a.txt")])
    seen: list[str] = []

    async def follow() -> None:
        seen.extend([one.waiting or one.state async for one in job.updates()])

    following = [asyncio.create_task(follow()) for _ in range(2)]
    for changes in (
        {"state": "running"},
        {"waiting": "Milvus"},
        {"waiting": None, "state": "done"},
    ):
        await asyncio.sleep(0.01)
        job.update(**changes)
    await asyncio.gather(*following)

    assert seen == ["queued", "running", "Milvus", "done"] * 2
