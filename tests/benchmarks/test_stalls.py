"""The command that asks for nasty replies: its smallest form, for real."""

from collections.abc import Callable
from typing import Any

from benchmarks.stalls.nasty import NASTY, nasty
from benchmarks.stalls.side import WAYS
from benchmarks.views import charts, tables


def test_the_stalls_of_each_reply_and_the_worst_of_all_are_told(bench: Callable[..., Any]) -> None:
    run = bench("stalls", "--replies", "2", "--characters", "400", "--json")
    found = run.found

    assert (found["replies"], found["characters"]) == (2, 400)
    assert [*found["stalls"]] == [*NASTY][:2]
    for by_way in found["stalls"].values():
        assert tuple(by_way) == WAYS
        for way in by_way.values():
            assert all(ms >= 0 for ms in way.values())
    for key, worst in found["worst"].items():
        assert worst["ms"] == found["stalls"][worst["reply"]][worst["way"]][key]
    assert found["worst"]["busy_ms"]["ms"] < 100, "of a processor's time, not of the clock's"
    [overall, each] = tables(found)
    assert [len(overall.rows), len(each.rows)] == [2, 2]
    assert len(charts(found)) == 1


def test_there_are_more_than_forty_replies_and_each_has_the_length_asked_for() -> None:
    texts = {name: nasty(name, 20_000) for name in NASTY}

    assert len(set(texts.values())) == len(NASTY) > 40
    assert {len(text) for text in texts.values()} == {20_000}
