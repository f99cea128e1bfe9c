"""How figures are written in tables."""

import pytest

from alir.evaluation.report.tables import Table, number, seconds, times, with_notes, with_spread


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (0.00123, "1.23 ms"),
        (0.5, "500 ms"),
        (1.0, "1 s"),
        (12.345, "12.3 s"),
        (345.6, "346 s"),
    ],
)
def test_seconds_are_written_in_the_unit_that_can_be_read(
    value: float | None, written: str
) -> None:
    assert seconds(value) == written


@pytest.mark.parametrize(("value", "written"), [(4.271, "4.27"), (42.71, "42.7"), (4270, "4,270")])
def test_a_number_has_three_digits_that_count(value: float, written: str) -> None:
    assert number(value) == written


def test_a_ratio_is_written_as_times() -> None:
    assert times(12.345) == "12.3x"


def test_a_spread_stands_below_its_median() -> None:
    assert with_spread(number, 2.0, [1.5, 3.0]) == "2\n(1.5 to 3)"


def test_notes_are_added_to_the_last_table_alone() -> None:
    first, last = with_notes([Table("a", [], []), Table("b", [], [], ["one"])], "two", "three")

    assert (first.notes, list(last.notes)) == ((), ["one", "two", "three"])
