"""Differences: the same one in two readings, though its counts differ."""

from pathlib import Path

from alir.models.differences import Difference


def test_a_difference_is_the_same_in_two_readings_whatever_its_counts() -> None:
    one = Difference(Path("/a"), "chunks missing", "the index holds 1 of its 3 chunks", "s")
    other = Difference(Path("/a"), "chunks missing", "the index holds 2 of its 3 chunks", "s")

    assert len({one, other}) == 1
    assert one != Difference(Path("/a"), "chunks missing", one.sentence, "s", generation=7)
    assert one != Difference(Path("/a"), "chunks missing", one.sentence, "s", chunk_id="c")
