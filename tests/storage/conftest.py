"""A ledger in a folder of its own, and records to put into it."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from alir.models.records import SourceRecord, Stage
from alir.storage.ledger import SqliteLedger

Run = Callable[..., "subprocess.Popen[str]"]


def record(
    name: str, version: str = "v1", stage: Stage = "settled", **rest: object
) -> SourceRecord:
    values = {"size_bytes": 5, "mtime_ns": 7, "content_hash": f"hash of {name}", "chunks": 2} | rest
    return SourceRecord(name, Path(f"/docs/{name}"), version=version, stage=stage, **values)  # type: ignore[arg-type]


@pytest.fixture(name="record")
def record_() -> Callable[..., SourceRecord]:
    """Makes a record from a source id, which is also the file's name."""
    return record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The ledger's file, in a folder that does not exist yet."""
    return tmp_path / "state" / "milvus.ledger"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = SqliteLedger(path, "notes")
    yield ledger
    await ledger.aclose()


@pytest.fixture
def run(path: Path) -> Iterator[Run]:
    """Runs Python code in a process of its own, which gets the ledger's path and `arguments`."""
    started = []

    def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
