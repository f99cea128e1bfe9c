"""A full disk: here a limit on the size of what a process and its children write."""

import subprocess
import sys
from pathlib import Path

import pytest
from pymilvus import MilvusClient

from alir import Alir, Settings
from alir.testing import HashEmbedding
from tests.soak.judge import difference, stored

pytest.importorskip("resource", reason="this system has no limits")


async def test_a_full_disk_ends_the_run_in_one_sentence_and_the_next_run_with_room_completes_it(
    tmp_path: Path,
) -> None:
    folder, lite_file = tmp_path / "docs", tmp_path / "milvus.db"
    folder.mkdir()
    texts = {
        folder / f"{number}.txt": f"Sentence about basalt number {number}. " * 400
        for number in range(20)
    }
    for path, text in texts.items():
        path.write_text(text)

    program = [sys.executable, str(Path(__file__).with_name("full_disk.py"))]
    done = subprocess.run(
        [*program, str(folder), str(lite_file), "1000000"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    told = (
        f"Milvus Lite, which serves {lite_file}, has ended: the disk may be full, or it was "
        "stopped. Make room and run the same command again; what was written stays."
    )
    kind, _, said = done.stdout.partition(" ")
    assert kind in {"IngestStopped", "MilvusUnavailable"}
    assert said.startswith(told)
    settings = Settings.load(milvus_uri=str(lite_file))
    async with Alir(settings, embedding=HashEmbedding(dim=384)) as app:
        report = await app.ingest.run(paths=[folder])
        client = MilvusClient(str(lite_file), dedicated=True)
        found = difference(stored(client, settings.collection), texts, app.shard.node_parser)
        client.close()
    assert not report.failed
    assert not found
