"""The events of an ingestion: the JSON of the report stays as it is."""

import json
from pathlib import Path

from alir.events.ingest import IngestProgress, IngestReport
from alir.models.files import FileOutcome


def test_progress_without_failures_has_none() -> None:
    assert IngestProgress(files_done=1, files=2, chunks_written=3).failed == []


REPORT = IngestReport(
    files=6,
    chunks=40,
    added=1,
    updated=2,
    moved=0,
    deleted=3,
    unchanged=2,
    failed=[FileOutcome(Path("/docs/a.pdf"), "failed", "is a damaged or truncated PDF")],
    mended=[FileOutcome(Path("/docs/b.txt"), "updated", "the index holds 1 of its 2 chunks")],
    embedded=12,
    reused=4,
    seconds={"load": 0.123456, "embed": 2.0, "total": 2.34567},
)


def test_a_report_as_json_is_exactly_this() -> None:
    expected = {
        "files": 6,
        "chunks": 40,
        "added": 1,
        "updated": 2,
        "moved": 0,
        "deleted": 3,
        "unchanged": 2,
        "failed": [{"file": "/docs/a.pdf", "reason": "is a damaged or truncated PDF"}],
        "mended": [{"file": "/docs/b.txt", "reason": "the index holds 1 of its 2 chunks"}],
        "embedded": 12,
        "reused": 4,
        "seconds": {"load": 0.1235, "embed": 2.0, "total": 2.3457},
    }

    assert json.loads(json.dumps(REPORT.to_json())) == expected
    assert list(REPORT.to_json()) == list(expected)


def test_the_bottleneck_is_the_longest_stage_and_not_the_total() -> None:
    assert REPORT.bottleneck == "embed"
    assert REPORT.model_copy(update={"seconds": {"total": 1.0}}).bottleneck == ""


def test_a_report_may_be_about_nothing() -> None:
    nothing = IngestReport(
        files=0,
        chunks=0,
        added=0,
        updated=0,
        moved=0,
        deleted=0,
        unchanged=0,
        failed=[],
        embedded=0,
        reused=0,
        seconds={},
    )

    assert nothing.to_json()["failed"] == []
