"""The events of a rebuild: the JSON of the report stays as it is."""

import json
from pathlib import Path

from alir.events.rebuild import RebuildReport
from alir.models.files import FileOutcome


def test_a_report_as_json_is_exactly_this() -> None:
    report = RebuildReport(
        collection="docs__1",
        previous="docs__0",
        files=2,
        chunks=9,
        embedded=9,
        gone=[Path("/docs/gone.txt")],
        lacking=[Path("/docs/a.pdf")],
        failed=[FileOutcome(Path("/docs/a.pdf"), "failed", "is damaged")],
        seconds={"load": 0.123456, "total": 2.0},
    )
    expected = {
        "collection": "docs__1",
        "previous": "docs__0",
        "files": 2,
        "chunks": 9,
        "embedded": 9,
        "gone": ["/docs/gone.txt"],
        "lacking": ["/docs/a.pdf"],
        "failed": [{"file": "/docs/a.pdf", "reason": "is damaged"}],
        "seconds": {"load": 0.1235, "total": 2.0},
    }

    assert json.loads(json.dumps(report.to_json())) == expected
    assert list(report.to_json()) == list(expected)
