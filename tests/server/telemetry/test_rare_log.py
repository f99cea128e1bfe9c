"""A warning that comes often is one line a second."""

import logging

import pytest

from alir.server.telemetry.rare_log import RareLog


def test_a_warning_is_logged_once_a_second_with_how_often_it_came(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    log = RareLog("alir.test", clock=lambda: now)
    for _ in range(1000):
        log.warn("Too much.")
    log.warn("Something else.")
    now = 1.1
    log.warn("Too much.")
    now = 2.2
    log.warn("Too much.")

    assert [record.getMessage() for record in caplog.records] == [
        "Too much.",
        "Something else.",
        "Too much. (999 times more since the last of these lines)",
        "Too much.",
    ]


def test_a_logger_is_filtered_alike_but_no_stack_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logging.getLogger("alir.test.filtered")
    log.addFilter(RareLog("alir.test", clock=lambda: 0.0).filter)
    for number in range(3):
        log.warning("Invalid %s.", "request")
        log.error("A defect", exc_info=ValueError(number))

    assert [record.getMessage() for record in caplog.records] == [
        "Invalid request.",
        *["A defect"] * 3,
    ]
