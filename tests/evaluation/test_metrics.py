"""The measures of rankings so small that a person can work them out."""

from math import log2

import numpy as np
import pytest

from alir.evaluation.metrics import interval, score

JUDGED = {"q1": {"a": 1, "b": 1, "x": 0}, "q2": {"c": 2, "d": 1}, "q3": {"e": 1}}
FOUND = {
    "q1": ["x", "a", "y", "b"],
    "q2": ["d", "c"],
    "q3": [],
}


def test_the_measures_are_those_worked_out_by_hand() -> None:
    scores = score(FOUND, JUDGED, depth=100)

    assert {name: values.tolist() for name, values in scores.items()} == {
        "hit@1": [0, 1, 0],
        "hit@5": [1, 1, 0],
        "MRR": [1 / 2, 1, 0],
        "nDCG@10": [
            pytest.approx((1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3)), abs=1e-9),
            pytest.approx((1 + 2 / log2(3)) / (2 + 1 / log2(3)), abs=1e-9),
            0,
        ],
        "recall@100": [1, 1, 0],
    }


def test_what_stands_below_the_cut_does_not_count() -> None:
    late = {"q1": [*(f"y{n}" for n in range(10)), "a", "b"], "q2": [], "q3": []}

    scores = score(late, JUDGED, depth=11)

    assert scores["recall@11"].tolist() == [1 / 2, 0, 0]
    assert scores["nDCG@10"].tolist() == [0, 0, 0]
    assert scores["MRR"].tolist() == [pytest.approx(1 / 11), 0, 0]


def test_an_interval_holds_the_mean_is_the_same_each_time_and_narrows_with_more_questions() -> None:
    few, many = np.array([0.0, 1.0] * 5), np.array([0.0, 1.0] * 500)

    small, large = interval(few), interval(many)

    assert small == interval(few)
    assert small["low"] < small["value"] == 0.5 < small["high"]
    # Of the mean of n coins: 1.96 times the root of 1/4n on either side.
    assert large["high"] - large["low"] == pytest.approx(2 * 1.96 * (0.25 / 1000) ** 0.5, rel=0.05)


def test_the_interval_of_a_steady_difference_is_narrower_than_that_of_what_differs() -> None:
    first = np.linspace(0, 1, 50)
    second = first + 0.01

    assert interval(second - first) == {"value": 0.01, "low": 0.01, "high": 0.01}
    assert interval(second)["low"] < interval(first)["high"]
