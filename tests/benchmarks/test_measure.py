"""How figures are made: in turns, as medians, with their spread."""

from functools import partial

from benchmarks.measure import (
    Figure,
    by_key,
    figures,
    interleaved,
    medians,
    percentiles_ms,
    rounded,
    runs,
    spreads,
)


async def test_variants_take_turns_and_each_round_begins_with_another() -> None:
    order: list[str] = []

    async def measured(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = await interleaved({name: partial(measured, name) for name in "abc"}, rounds=3)

    assert "".join(order) == "abcbcacab"
    assert found == {"a": [1, 6, 8], "b": [2, 4, 9], "c": [3, 5, 7]}


async def test_whoever_waits_is_told_what_is_being_measured() -> None:
    told: list[str] = []

    async def measured() -> float:
        return 1.0

    await interleaved({"add": measured}, 2, told.append)

    assert told == ["add, round 1 of 2", "add, round 2 of 2"]


def test_a_figure_is_its_median_with_the_smallest_and_the_largest_run() -> None:
    figure = Figure((0.3, 0.1, 0.9))

    assert figure.median == 0.3
    assert figure.spread == [0.1, 0.9]
    assert Figure((1.0, 2.0)).median == 1.5


def test_a_tree_of_figures_keeps_its_names_and_what_was_not_measured_stays_none() -> None:
    tree = {"add": {"10": {"sync_s": None, **figures({"alir_s": [2.0, 1.0, 4.0]})}}}

    assert medians(tree) == {"add": {"10": {"sync_s": None, "alir_s": 2.0}}}
    assert spreads(tree) == {"add": {"10": {"sync_s": None, "alir_s": [1.0, 4.0]}}}
    assert runs(tree) == {"add": {"10": {"sync_s": None, "alir_s": [2.0, 1.0, 4.0]}}}


def test_what_several_runs_reported_becomes_a_figure_for_each_key() -> None:
    found = by_key([{"seconds": 1.0, "chunks": 5}, {"seconds": 3.0, "chunks": 5}])

    assert found == {"seconds": Figure((1.0, 3.0)), "chunks": Figure((5, 5))}


def test_percentiles_are_in_milliseconds_and_named_for_what_they_are() -> None:
    found = percentiles_ms([second / 1000 for second in range(101)], 50, 95)

    assert {name: rounded(ms) for name, ms in found.items()} == {"p50_ms": 50, "p95_ms": 95}


def test_a_value_is_rounded_to_five_digits() -> None:
    assert rounded(0.0012345678) == 0.0012346
    assert rounded(123456.0) == 123460.0
