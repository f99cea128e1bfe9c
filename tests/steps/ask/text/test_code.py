"""Code: the spans between backticks, as a pattern that goes back and forth finds them."""

import re

from hypothesis import given
from hypothesis import strategies as st

from alir.steps.ask.text.code import code_spans, outside_code

PATTERN = re.compile(r"(?P<ticks>`+)[^`\n]+(?P=ticks)")


@given(st.text(alphabet="``a \n", max_size=60))
def test_the_spans_are_those_of_the_pattern(text: str) -> None:
    spans = [(span.start, span.end) for span in code_spans(text)]

    assert spans == [found.span() for found in PATTERN.finditer(text)]


def test_the_pieces_outside_and_inside_are_the_text() -> None:
    assert [*outside_code("see `a[1]` and ``b`` `c\n`")] == [
        ("see ", False),
        ("`a[1]`", True),
        (" and ", False),
        ("``b``", True),
        (" `c\n`", False),
    ]
    assert [*outside_code("")] == [("", False)]
