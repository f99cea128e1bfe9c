"""Journal: what is recorded of a file, and which failures are forgotten."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alir.models.files import FileContent, FileOutcome, FilePart
from alir.models.records import FailedFile, SourceRecord
from alir.steps.ingest.journal import journal, journal_failures


@dataclass
class Notebook:
    """A ledger in lists."""

    records: list[SourceRecord] = field(default_factory=list)
    reasons: dict[Path, str] = field(default_factory=dict)

    async def record(self, records: list[SourceRecord]) -> None:
        self.records += records

    async def failed(self, reasons: dict[Path, str], now_s: float) -> None:
        assert now_s == 17.0
        self.reasons |= reasons

    async def recovered(self, paths: list[Path]) -> None:
        for path in paths:
            del self.reasons[path]

    async def failures(self) -> list[FailedFile]:
        return [FailedFile(path, why, 1, 0, 0, 0) for path, why in self.reasons.items()]


def ledger(**fields: Any) -> Any:
    return Notebook(**fields)


A = FilePart(Path("/docs/a.txt"), 5, version="a2")
SEEN = FileContent("words", size_bytes=7, mtime_ns=1, ctime_ns=2, is_old=True)


async def test_a_file_is_recorded_as_it_was_when_it_was_read() -> None:
    book = ledger()
    part = FilePart(A.path, 5, version="a2", content=SEEN)

    await journal([part], "verified", ledger=book)

    [record] = book.records
    assert (record.path, record.version, record.stage) == (A.path, "a2", "verified")
    assert (record.size_bytes, record.mtime_ns, record.ctime_ns) == (7, 1, 2)
    assert record.content_hash == "words"


async def test_times_that_may_hide_a_later_write_are_not_kept() -> None:
    book = ledger()
    fresh = FileContent("words", size_bytes=7, mtime_ns=1, ctime_ns=2, is_old=False)

    await journal([FilePart(A.path, 5, version="a2", content=fresh)], "settled", ledger=book)

    [record] = book.records
    assert (record.mtime_ns, record.ctime_ns) == (0, 0)


async def test_without_a_ledger_or_a_part_nothing_is_recorded() -> None:
    book = ledger()

    await journal([], "planned", ledger=book)
    await journal([A], "planned", ledger=None)

    assert book.records == []


async def test_failures_are_noted_and_those_that_ended_forgotten(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    well, bad, gone = (root / f"{name}.txt" for name in ("well", "bad", "gone"))
    elsewhere = Path("/elsewhere/c.txt")
    for path in (well, bad):
        path.write_text("words")
    book = ledger(reasons=dict.fromkeys((well, bad, gone, elsewhere), "was bad"))

    failed = [FileOutcome(bad, "failed", "is bad again")]
    await journal_failures(failed, [root], ledger=book, now_s=17.0)

    assert book.reasons == {bad: "is bad again", elsewhere: "was bad"}
