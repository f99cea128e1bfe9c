"""The tables and charts of a report, for the terminal and the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Role = Literal["ours", "theirs", "limit"]
"""A figure of alir, of LlamaIndex, or of the library below both, which is the limit."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a head; the first column names the row."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A median and its smallest and largest run."""

    name: str
    median: float
    spread: Sequence[float]
    role: Role = "ours"


@dataclass(frozen=True, slots=True)
class Chart:
    """Groups of bars on one axis; on a logarithmic one every value is more than 0."""

    title: str
    unit: str
    groups: Mapping[str, Sequence[Bar]] = field(default_factory=dict)
    linear: bool = False
    """Whether the axis goes in tenths of one, not in powers of ten."""


def with_notes(tables: Sequence[Table], *notes: str) -> list[Table]:
    """Return `tables`, the last one with more notes below it."""
    *others, last = tables
    return [*others, replace(last, notes=[*last.notes, *notes])]


def with_spread(write: Callable[[float], str], median: float, spread: Sequence[float]) -> str:
    """Write a median and, on a line of its own, its smallest and largest run."""
    low, high = spread
    return f"{write(median)}\n({write(low)} to {write(high)})"


def seconds(value: float | None) -> str:
    """Write seconds in the unit that keeps three digits readable; a dash for None."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:.0f} s"
    if value >= 1:
        return f"{value:.3g} s"
    return f"{value * 1000:.3g} ms"


def number(value: float) -> str:
    """Write a number with three digits that count: `4.27`, `42.7`, `4,270`."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def times(ratio: float) -> str:
    """Write a ratio: `12.3x`."""
    return f"{ratio:.3g}x"
