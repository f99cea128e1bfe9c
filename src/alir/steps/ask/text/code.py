"""Code: what stands between backticks on a line."""

import re
from collections.abc import Iterator

from alir.models.answers import Span

_TICKS_OR_LINE_END = re.compile(r"`+|\n")


def code_spans(text: str) -> Iterator[Span]:
    """Yield where code stands in `text`, its backticks included, in order.

    It begins with as many backticks as it ends with, as many as can be, and has others between.
    """
    ticks = opened = 0
    for run in _TICKS_OR_LINE_END.finditer(text):
        if run[0] == "\n":
            ticks = 0
            continue
        left = len(run[0])
        closing = min(ticks, left)
        if closing:
            yield Span(opened - closing, run.start() + closing)
        ticks, opened = left - closing, run.end()


def outside_code(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of `text` in order, and whether each is code."""
    at = 0
    for span in code_spans(text):
        yield text[at : span.start], False
        yield text[span.start : span.end], True
        at = span.end
    yield text[at:], False
