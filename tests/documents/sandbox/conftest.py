"""A pool held to little, and a PDF library for its processes that does what a document says."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from alir.documents.sandbox.limits import SandboxLimits
from alir.documents.sandbox.pool import ParserPool
from alir.errors import UnreadableFile
from alir.models.reading import DocumentPosition

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


@pytest.fixture
def read(pool: ParserPool) -> Callable[..., Awaitable[list[str]]]:
    """Have files read; what is said of each is its text, or why it has none."""

    async def said(*paths: Path, budget_chars: int = 1_000_000) -> list[str]:
        places = [DocumentPosition(path) for path in paths]
        answers = await pool.run_job(lambda read: list(read(places, budget_chars=budget_chars)))
        return [
            one.reason if isinstance(one, UnreadableFile) else "".join(s.text for s in one.segments)
            for one in answers
        ]

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
