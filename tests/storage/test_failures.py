"""Failures: what is remembered of a file that could not be ingested."""

from pathlib import Path

import pytest

from alir.models.records import FailedFile
from alir.storage.failures import wait_s
from alir.storage.ledger import SqliteLedger

A, B = Path("/docs/a.pdf"), Path("/docs/b.pdf")


@pytest.mark.parametrize(
    ("attempts", "expected_s"),
    [(1, 60), (2, 120), (3, 240), (11, 61_440), (12, 86_400), (100, 86_400), (10_000, 86_400)],
)
def test_each_attempt_doubles_the_wait_up_to_a_day(attempts: int, expected_s: float) -> None:
    assert wait_s(attempts) == expected_s


async def test_a_failure_is_counted_and_keeps_its_first_time_and_last_reason(
    ledger: SqliteLedger,
) -> None:
    await ledger.record_failures({B: "is locked", A: "is damaged"}, 1000.0)
    await ledger.record_failures({A: "is empty"}, 5000.0)

    assert await ledger.failed_files() == [
        FailedFile(A, "is empty", 2, first_s=1000.0, last_s=5000.0, next_try_s=5120.0),
        FailedFile(B, "is locked", 1, first_s=1000.0, last_s=1000.0, next_try_s=1060.0),
    ]


async def test_a_file_that_recovered_starts_anew(ledger: SqliteLedger) -> None:
    await ledger.record_failures({A: "is damaged", B: "is locked"}, 1000.0)
    await ledger.forget_failures([A])
    await ledger.record_failures({A: "is damaged again"}, 9000.0)

    assert [(one.path, one.attempts, one.first_s) for one in await ledger.failed_files()] == [
        (A, 1, 9000.0),
        (B, 1, 1000.0),
    ]
