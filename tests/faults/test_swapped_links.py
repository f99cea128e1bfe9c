"""Files and folders that become links, and files again, while ingestions run: nothing of what lies
outside is ever read.

`RUNS=300 pytest tests/faults/test_swapped_links.py -s` prints the counts for more runs.
"""

import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from pymilvus import MilvusClient

from alir import Alir, IngestReport, Settings
from alir.errors import InputError
from alir.testing import HashEmbedding
from tests.soak.judge import stored

RUNS = int(os.environ.get("RUNS", "40"))
SECRET = "The secret number is seventeen."  # noqa: S105


def settings(lite_file: Path) -> Settings:
    return Settings.load(
        milvus_uri=str(lite_file), collection=f"swap_{uuid4().hex[:12]}", ledger=None
    )


@contextmanager
def swapping(docs: Path, outside: Path) -> Iterator[Counter[str]]:
    """Swap a file and a folder of `docs` for links to `outside` and back, as fast as it goes."""
    stop = threading.Event()
    swaps: Counter[str] = Counter()
    aside = docs.parent / "aside"
    aside.mkdir()

    def swap() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (aside / "link").symlink_to(outside / "a.txt")
            (aside / "link").replace(docs / "a.txt")
            (docs / "in").rename(aside / "in")
            (docs / "in").symlink_to(outside)
            stop.wait(0.001 * (number % 7))
            (aside / "a.txt").write_text(f"This is text number {number}.")
            (aside / "a.txt").replace(docs / "a.txt")
            (docs / "in").unlink()
            (aside / "in").rename(docs / "in")
            (docs / "in" / "b.txt").write_text(f"And this is text number {number}.")
            stop.wait(0.001 * (number % 11))
            swaps["made"] += 1

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield swaps
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The folder to ingest, and one that lies outside of it."""
    docs, outside = tmp_path / "docs", tmp_path / "outside"
    (docs / "in").mkdir(parents=True)
    outside.mkdir()
    (docs / "kept.txt").write_text("This is never swapped.")
    (docs / "a.txt").write_text("This is text.")
    (docs / "in" / "b.txt").write_text("And this is text.")
    for name in ("a.txt", "b.txt", "c.txt"):
        (outside / name).write_text(SECRET)
    return docs, outside


async def test_a_file_and_a_folder_that_are_swapped_for_links_lead_nowhere(
    lite_file: Path, client: MilvusClient, folders: tuple[Path, Path]
) -> None:
    docs, outside = folders
    seen: Counter[str] = Counter()
    async with Alir(settings(lite_file), embedding=HashEmbedding(dim=8)) as app:
        with swapping(docs, outside) as swaps:
            for _ in range(RUNS):
                with suppress(InputError):  # at times there is no file
                    report = await app.ingest.run(paths=[docs], delete_many=True)
                    assert isinstance(report, IngestReport)
                    seen["changed"] += report.added + report.updated > 0
                    seen["failed"] += bool(report.failed)
                rows = stored(client, app.settings.collection)
                seen["outside"] += any("secret" in row["text"] for row in rows)
        print(f"{RUNS} runs, {swaps['made']} swaps: {dict(seen)}")

    assert seen["outside"] == 0
    assert seen["changed"] > 0
    assert swaps["made"] > RUNS


async def test_a_file_that_failed_and_is_a_link_now_is_not_tried_again(
    lite_file: Path, client: MilvusClient, folders: tuple[Path, Path]
) -> None:
    docs, outside = folders
    (docs / "a.txt").write_bytes(b"\0")
    (docs / "in" / "b.txt").write_bytes(b"\0")
    async with Alir(settings(lite_file), embedding=HashEmbedding(dim=8)) as app:
        await app.ingest.run(paths=[docs])
        failed = [one.path for one in await app.ledger.failed_files()]
        assert failed == [docs / "a.txt", docs / "in" / "b.txt"]
        (docs / "a.txt").unlink()
        (docs / "a.txt").symlink_to(outside / "a.txt")
        shutil.rmtree(docs / "in")
        (docs / "in").symlink_to(outside)

        report = await app.ingest.run(paths=[*failed], follow_links=False)

        assert isinstance(report, IngestReport)
        assert {one.path for one in report.failed} == {*failed}
        assert all("is a link" in one.reason for one in report.failed)
        texts = [row["text"] for row in stored(client, app.settings.collection)]
        assert texts == ["This is never swapped."]
