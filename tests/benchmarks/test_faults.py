"""The command that lets an update fail: what its figures are of, and alir's."""

from collections.abc import Callable
from typing import Any

from benchmarks.views import tables


def test_alir_loses_no_file_to_any_fault_and_is_right_after_the_next_run(
    bench: Callable[..., Any],
) -> None:
    found = bench("faults", "--json").found

    assert len(found["faults"]) == 6
    for fault, by_side in found["faults"].items():
        after, later = by_side["alir"]["after_the_fault"], by_side["alir"]["after_the_next_run"]
        assert (after["lost"], after["doubled"], after["orphaned"]) == (0, 0, 0), fault
        assert later["right"] == sum(later.values()) >= found["files"] - 1, fault
        for judged in by_side["pipeline"].values():
            assert found["files"] - 1 <= sum(judged.values()) <= found["files"], fault
    [_, last] = tables(found)
    assert {row[1] for row in last.rows} == {"0"}
