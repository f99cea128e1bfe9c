"""Charts: where a dot stands on its axis, and what the axis says."""

import re

from alir.evaluation.report.plot import LABELS, VALUES, WIDTH, svg
from alir.evaluation.report.tables import Bar, Chart


def dots(drawn: str) -> list[float]:
    return [float(x) for x in re.findall(r'<circle [^>]*cx="([\d.]+)"', drawn)]


def ticks(drawn: str) -> list[str]:
    return re.findall(r'<text class="tick"[^>]*>([^<]*)<', drawn)


def test_on_a_linear_axis_the_middle_stands_in_the_middle_and_nothing_is_a_value_too() -> None:
    bars = [Bar("none", 0.0, [0.0, 0.0]), Bar("half", 0.5, [0.4, 0.6]), Bar("all", 1.0, [1.0, 1.0])]

    drawn = svg(Chart("A share", "", {"": bars}, linear=True))

    assert dots(drawn) == [LABELS, (LABELS + WIDTH - VALUES) / 2, WIDTH - VALUES]
    assert ticks(drawn) == ["0", *(f"0.{n}" for n in range(1, 10)), "1"]


def test_on_a_logarithmic_axis_ten_times_as_much_is_as_far_again() -> None:
    bars = [
        Bar("a", 1.0, [1.0, 1.0]),
        Bar("b", 10.0, [10.0, 10.0]),
        Bar("c", 100.0, [100.0, 100.0]),
    ]

    drawn = svg(Chart("A time", "ms", {"": bars}))

    left, middle, right = dots(drawn)
    assert (left, right) == (LABELS, WIDTH - VALUES)
    assert middle == (left + right) / 2
    assert ticks(drawn) == ["1 ms", "10 ms", "100 ms"]
