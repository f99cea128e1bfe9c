"""A pool held to little, and a PDF library for its processes that does what a document says."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from alir.documents.sandbox.limits import SandboxLimits
from alir.documents.sandbox.pool import ParserPool
from alir.errors import UnreadableFile
from alir.models.reading import Cursor, Reading
from alir.ports import ReadDocument

OBEDIENT_PDF_LIBRARY = """
class PdfiumError(Exception):
    pass

class PdfDocument:
    def __init__(self, file):
        exec(file.read().decode().partition("\\n")[2])
    def __len__(self):
        return 0
    def close(self):
        pass
"""


@pytest.fixture
async def pool() -> AsyncIterator[ParserPool]:
    """One process: 1 s of a processor, 10 s by the clock, 200 MiB."""
    pool = ParserPool(SandboxLimits(cpu_s=1, waits=10, memory_mib=200), processes=1)
    yield pool
    await pool.aclose()


def read_one(read: ReadDocument, path: Path, at: Cursor | None, budget_chars: int) -> Reading:
    """Read the file at `path`, which is opened here."""
    with path.open("rb") as file:
        return read(path, at, budget_chars=budget_chars, descriptor=file.fileno())


@pytest.fixture
def ask(pool: ParserPool) -> Callable[..., Awaitable[Reading]]:
    """Have the pool, or another one, read a part of a file."""

    async def asked(
        path: Path, at: Cursor | None = None, *, budget_chars: int = 1_000_000, of: Any = pool
    ) -> Reading:
        reading: Reading = await of.run_job(lambda read: read_one(read, path, at, budget_chars))
        return reading

    return asked


@pytest.fixture
def read(ask: Callable[..., Awaitable[Reading]]) -> Callable[..., Awaitable[list[str]]]:
    """Have files read; what is said of each is its text, or why it has none."""

    async def said_of(path: Path) -> str:
        try:
            return "".join(segment.text for segment in (await ask(path)).segments)
        except UnreadableFile as error:
            return error.reason

    async def said(*paths: Path) -> list[str]:
        return [await said_of(path) for path in paths]

    return said


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A file that reads "Bees make honey."."""
    path = tmp_path / "good.txt"
    path.write_text("Bees make honey.")
    return path


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first in what processes import from; this one has imported pdfium already."""
    folder = tmp_path / "library"
    package = folder / "pypdfium2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(OBEDIENT_PDF_LIBRARY)
    (package / "raw.py").write_text("FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY = 4, 5")
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def obedient(tmp_path: Path, library: Path) -> Callable[[str], Path]:
    """Write a "PDF" that makes the process which reads it run some code."""

    def written(code: str) -> Path:
        path = tmp_path / f"{abs(hash(code))}.pdf"
        path.write_text(f"%PDF-1.4\n{code}")
        return path

    return written


@pytest.fixture
def parsers() -> Callable[[], list[psutil.Process]]:
    """Return the parsers of this process."""

    def found() -> list[psutil.Process]:
        children = psutil.Process(os.getpid()).children(recursive=True)
        return [
            one for one in children if "alir.documents.sandbox.child" in " ".join(one.cmdline())
        ]

    return found
