"""How things are measured: in turns, several times, and with their answers checked."""

import gc
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from alir.evaluation.report.progress import Progress

T = TypeVar("T")


class WrongResult(Exception):
    """What was measured did not do its work: its speed means nothing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity, measured once in every round."""

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one of the runs, or the mean of the two."""
        return statistics.median(self.runs)

    @property
    def spread(self) -> list[float]:
        """The smallest and the largest."""
        return [min(self.runs), max(self.runs)]


async def interleaved(
    variants: Mapping[str, Callable[[], Awaitable[T]]],
    rounds: int,
    progress: Progress = lambda _: None,
) -> dict[str, list[T]]:
    """Measure the variants in turns, `rounds` times; what disturbs the machine disturbs all.

    Each round begins with another variant, so none is always first or always after the same one.
    """
    names = list(variants)
    runs: dict[str, list[T]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            progress(f"{name}, round {number + 1} of {rounds}")
            gc.collect()
            gc.freeze()  # what is there already is not looked at while the clock runs
            runs[name].append(await variants[name]())
    return runs


def figures(found: Mapping[str, Sequence[float]]) -> dict[str, Figure]:
    """Return what `interleaved` measured as figures."""
    return {name: Figure(tuple(runs)) for name, runs in found.items()}


def by_key(found: Sequence[Mapping[str, float]]) -> dict[str, Figure]:
    """Return a figure for each key that several runs of one thing reported."""
    return {key: Figure(tuple(one[key] for one in found)) for key in found[0]}


def medians(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the medians of a tree of figures, under the same names; None stays None."""
    return _each(figures, lambda figure: rounded(figure.median))


def spreads(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures' smallest and largest runs, under the same names."""
    return _each(figures, lambda figure: [rounded(value) for value in figure.spread])


def runs(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures' runs in the order they were made, under the same names."""
    return _each(figures, lambda figure: [rounded(value) for value in figure.runs])


def percentiles_ms(seconds: Sequence[float], *percents: int) -> dict[str, float]:
    """Return percentiles in milliseconds, as `p95_ms` is one."""
    import numpy as np  # noqa: PLC0415  not for every bench

    found = np.percentile(np.array(seconds) * 1000, percents)
    return {f"p{percent}_ms": float(ms) for percent, ms in zip(percents, found, strict=True)}


def rounded(value: float) -> float:
    """Return `value` to five significant digits: a clock is not better than that."""
    return float(f"{value:.5g}")


def _each(figures: Mapping[str, Any], value: Callable[[Figure], Any]) -> dict[str, Any]:
    return {
        name: value(one) if isinstance(one, Figure) else None if one is None else _each(one, value)
        for name, one in figures.items()
    }
