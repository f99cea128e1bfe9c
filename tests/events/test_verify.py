"""The events of a comparison: the JSON of the report stays as it is."""

import json
from pathlib import Path

import pytest

from alir.events.verify import Verify, VerifyReport
from alir.models.differences import Difference


def test_a_report_as_json_is_exactly_this() -> None:
    gone = Difference(Path("/docs/a.txt"), "gone", "it is gone")
    held = Difference(Path("/docs/b.txt"), "not held", "the index does not hold it")
    report = VerifyReport(
        files=2,
        rows=9,
        differences=[gone, held],
        repair=True,
        mended=[gone],
        remaining=[held],
        foreign=1,
        foreign_ids=["x"],
        seconds={"total": 0.123456},
    )
    told = {
        "gone": {"file": "/docs/a.txt", "kind": "gone", "difference": "it is gone"},
        "held": {
            "file": "/docs/b.txt",
            "kind": "not held",
            "difference": "the index does not hold it",
        },
    }
    expected = {
        "files": 2,
        "rows": 9,
        "differences": [told["gone"], told["held"]],
        "repair": True,
        "mended": [told["gone"]],
        "remaining": [told["held"]],
        "foreign": 1,
        "foreign_ids": ["x"],
        "run_in_progress": None,
        "seconds": {"total": 0.1235},
    }

    assert json.loads(json.dumps(report.to_json())) == expected
    assert list(report.to_json()) == list(expected)


def test_a_command_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="repiar"):
        Verify(repiar=True)  # type: ignore[call-arg]
