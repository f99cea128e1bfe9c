"""Records: a failed file as `alir status` prints it."""

from pathlib import Path

from alir.models.records import FailedFile


def test_a_failed_file_says_when_it_is_tried_again() -> None:
    failed = FailedFile(Path("/docs/a.pdf"), "is damaged", 3, 0.0, 100.0, 1_700_000_000.9)

    assert failed.to_json() == {
        "file": "/docs/a.pdf",
        "reason": "is damaged",
        "attempts": 3,
        "next_try": "2023-11-14T22:13:20+00:00",
    }
