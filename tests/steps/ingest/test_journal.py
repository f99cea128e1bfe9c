"""Journal: what is recorded of a file, and which failures are forgotten."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.models.files import FileContent, FileOutcome, FilePart, source_id
from alir.models.records import FailedFile, SourceRecord, Stage
from alir.steps.ingest.journal import forget_leftover, journal, journal_failures, relearn
from alir.storage.ledger import SqliteLedger


@dataclass
class Notebook:
    """A ledger in lists."""

    records: list[SourceRecord] = field(default_factory=list)
    reasons: dict[Path, str] = field(default_factory=dict)

    async def record_sources(self, records: list[SourceRecord]) -> None:
        self.records += records

    async def record_failures(self, reasons: dict[Path, str], now_s: float) -> None:
        assert now_s == 17.0
        self.reasons |= reasons

    async def forget_failures(self, paths: list[Path]) -> None:
        for path in paths:
            del self.reasons[path]

    async def failed_files(self) -> list[FailedFile]:
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


async def test_the_ledger_forgets_what_no_file_and_no_row_is_behind(
    tmp_path: Path, ledger: SqliteLedger
) -> None:
    root = tmp_path.resolve() / "docs"
    root.mkdir()
    for name in ("here", "bad", "bad but held"):
        (root / name).write_text("words")

    def record(path: Path, stage: Stage) -> SourceRecord:
        return SourceRecord(path.name, path, 1, 1, "h", "v", 1, stage)

    await ledger.record_sources(
        [
            record(root / "here", "settled"),
            record(root / "bad", "planned"),
            record(root / "bad but held", "settled"),
            record(root / "gone before it was written", "planned"),
            record(root / "gone from the folder and from the index", "settled"),
            record(root / "gone, which a refused sweep kept", "settled"),
            record(tmp_path.resolve() / "elsewhere", "planned"),
        ]
    )
    failed = [FileOutcome(root / name, "failed", "is bad") for name in ("bad", "bad but held")]
    held = {"here", "bad but held", "gone, which a refused sweep kept"}

    await forget_leftover(failed, [root], held=held, ledger=ledger)

    left = {one.source_id async for one in ledger.all_sources()}
    assert left == held | {"elsewhere"}


HERE = Path("/docs/here.txt")


def chunk(path: Path, index: int, **metadata: Any) -> TextNode:
    source = RelatedNodeInfo(node_id=source_id(path))
    return TextNode(
        id_=f"{path} {index}",
        metadata={"file_path": str(path), "version": "v1", **metadata},
        relationships={NodeRelationship.SOURCE: source},
    )


async def test_what_the_index_holds_is_known_and_what_it_does_not_is_forgotten(
    store: Any, catalog: Any, ledger: SqliteLedger
) -> None:
    await ledger.record_sources(
        [SourceRecord("old", Path("/docs/old.txt"), 1, 1, "h", "v", 1, "written")]
    )
    await ledger.record_failures({Path("/docs/bad.txt"): "cannot be read"}, 17.0)
    store.add([chunk(HERE, 0, chunk_count=2, content_hash="words"), chunk(HERE, 1)])
    store.add([chunk(Path("/docs/half.txt"), 1)])

    assert await relearn(catalog=catalog, ledger=ledger) == 1

    assert [one async for one in ledger.all_sources()] == [
        SourceRecord(source_id(HERE), HERE, 0, 0, "words", "v1", 2, "settled")
    ]
    assert [one.path for one in await ledger.failed_files()] == [Path("/docs/bad.txt")]


async def test_an_index_that_cannot_be_read_leaves_the_ledger_as_it_was(
    catalog: Any, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = SourceRecord("old", Path("/docs/old.txt"), 1, 1, "h", "v", 1, "settled")
    await ledger.record_sources([known])

    async def failing() -> AsyncIterator[Any]:
        raise ConnectionError
        yield

    monkeypatch.setattr(catalog, "complete_versions", failing)
    with pytest.raises(ConnectionError):
        await relearn(catalog=catalog, ledger=ledger)

    assert [one async for one in ledger.all_sources()] == [known]
