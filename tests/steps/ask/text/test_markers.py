"""Markers: which brackets hold the numbers of sources."""

import pytest

from alir.steps.ask.text.markers import MARKER, MAX_MARKER_CHARS, UNFINISHED, numbers_of


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("[1]", [1]), (" [1, 3]", [1, 3]), ("[ 1]", None), ("[1 ,\n20,300]", [1, 20, 300])],
)
def test_numbers_in_brackets_are_a_marker(text: str, numbers: list[int] | None) -> None:
    found = MARKER.fullmatch(text)

    assert (numbers_of(found) if found else None) == numbers


def test_a_longer_list_of_numbers_than_may_wait_is_text() -> None:
    numbers = "1," * (MAX_MARKER_CHARS // 2 - 1) + "1"
    assert MARKER.search(f"[{numbers}]")
    assert UNFINISHED.search(f"[{numbers}")

    assert not MARKER.search(f"[{numbers},1]")
    assert not UNFINISHED.search(f"[{numbers},1")
