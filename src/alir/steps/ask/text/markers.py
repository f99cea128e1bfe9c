"""Markers: the numbers of sources, such as [2] or [1, 3], that a language model writes."""

import re

MAX_MARKER_CHARS = 400
"""Between the brackets; what is longer is text."""

NUMBERS = rf"\[(?=[\d\s,]{{1,{MAX_MARKER_CHARS}}}\])\d{{1,3}}(?:\s*,\s*\d{{1,3}})*\]"
MARKER = re.compile(rf"\s?(?P<numbers>{NUMBERS})")
UNFINISHED = re.compile(rf"\[[\d\s,]{{0,{MAX_MARKER_CHARS}}}\Z")
"""What may become a marker with the text that follows."""


def numbers_of(marker: re.Match[str]) -> list[int]:
    """Return the numbers of a match of `MARKER`."""
    return [int(number) for number in marker["numbers"][1:-1].split(",")]
