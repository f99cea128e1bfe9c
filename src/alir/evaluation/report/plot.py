"""A chart as SVG: a dot for each median on an axis, a line for its spread."""

import math
from collections.abc import Iterator
from html import escape

from alir.evaluation.report.tables import Chart, number

WIDTH = 860
LABELS = 210
VALUES = 90
ROW = 22
GROUP = 30
AXIS = 34


def svg(chart: Chart) -> str:
    """Return the drawing; the page sets its colours."""
    bars = [bar for group in chart.groups.values() for bar in group]
    low, high = min(min(bar.spread) for bar in bars), max(max(bar.spread) for bar in bars)
    scale = UnitAxis(low, high) if chart.linear else LogAxis(low, high)
    drawn: list[str] = []
    y = AXIS
    for name, group in chart.groups.items():
        if name:
            drawn.append(f'<text class="group" x="0" y="{y + 18}">{escape(name)}</text>')
            y += GROUP
        for bar in group:
            middle = y + ROW / 2
            low, at, high = (scale.x(value) for value in (bar.spread[0], bar.median, bar.spread[1]))
            value = f"{number(bar.median)} {chart.unit}".strip()
            drawn += (
                f'<text x="12" y="{middle + 4.5:g}">{escape(bar.name)}</text>',
                f'<line class="grid" x1="{LABELS}" x2="{WIDTH - VALUES}" y1="{middle:g}" '
                f'y2="{middle:g}"/>',
                f'<line class="spread {bar.role}" x1="{low:.1f}" x2="{high:.1f}" y1="{middle:g}" '
                f'y2="{middle:g}"/>',
                f'<circle class="{bar.role}" cx="{at:.1f}" cy="{middle:g}" r="4.5"/>',
                f'<text x="{WIDTH}" y="{middle + 4.5:g}" text-anchor="end">{escape(value)}</text>',
            )
            y += ROW
    grid = "".join(_grid(scale, chart.unit, y))
    label = escape(f"{chart.title}, {chart.unit}".removesuffix(", "), quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {y + 6}" role="img" aria-label="{label}">'
        f"{grid}{''.join(drawn)}</svg>"
    )


class LogAxis:
    """A logarithmic axis from a power of ten below `low` to one above `high`."""

    def __init__(self, low: float, high: float) -> None:
        self.first = math.floor(math.log10(low))
        self.last = max(math.ceil(math.log10(high)), self.first + 1)

    def x(self, value: float) -> float:
        """Return the x coordinate of `value`."""
        return _across((math.log10(value) - self.first) / (self.last - self.first))

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield the marked values and their labels."""
        for power in range(self.first, self.last + 1):
            yield 10.0**power, f"{10.0**power:g}" if power < 4 else f"{10**power:,}"


class UnitAxis:
    """An axis from a tenth below `low` to one above `high`."""

    def __init__(self, low: float, high: float) -> None:
        self.first = math.floor(low * 10)
        self.last = max(math.ceil(high * 10), self.first + 1)

    def x(self, value: float) -> float:
        """Return the x coordinate of `value`."""
        return _across((value * 10 - self.first) / (self.last - self.first))

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield the marked values and their labels."""
        for tenth in range(self.first, self.last + 1):
            yield tenth / 10, f"{tenth / 10:g}"


def _across(share: float) -> float:
    return LABELS + share * (WIDTH - VALUES - LABELS)


def _grid(scale: LogAxis | UnitAxis, unit: str, bottom: float) -> Iterator[str]:
    for value, name in scale.ticks():
        x = scale.x(value)
        yield (
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{AXIS - 10}" y2="{bottom}"/>'
            f'<text class="tick" x="{x:.1f}" y="{AXIS - 16}" text-anchor="middle">'
            f"{escape(f'{name} {unit}'.strip())}</text>"
        )
