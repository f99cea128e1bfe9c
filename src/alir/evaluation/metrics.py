"""The metrics of a ranking, computed by ir-measures, and their bootstrap intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alir.errors import ExtraMissing
from alir.evaluation.dataset import Judgements

RESAMPLES = 10_000
DRAWN_AT_ONCE = 500
"""Resamples; those of ten thousand questions take 40 MB."""
SEED = 0
INTERVAL_PERCENT = 95

Ranking = Mapping[str, Sequence[str]]
"""Question id to the units found for it, best first, each once."""
Scores = dict[str, NDArray[np.float64]]
"""Metric to its value for each question, in the order of the judgements."""


def names(depth: int) -> dict[str, str]:
    """Return the metrics of rankings of `depth`: alir's name to the name in ir-measures."""
    return {
        "hit@1": "Success@1",
        "hit@5": "Success@5",
        "MRR": "RR",
        "nDCG@10": "nDCG@10",
        f"recall@{depth}": f"R@{depth}",
    }


def ir_measures() -> Any:
    """Return the library that computes the metrics.

    Raises:
        ExtraMissing: it is not installed.
    """
    try:
        import ir_measures as library  # noqa: PLC0415  the extra `eval` brings it
    except ImportError as error:
        raise ExtraMissing("alir eval", "ir-measures", "eval") from error
    return library


def score(ranking: Ranking, judgements: Judgements, *, depth: int) -> Scores:
    """Return the values of each question; they are 0 if nothing was found for it."""
    library = ir_measures()
    by_their_name = {library.parse_measure(one): name for name, one in names(depth).items()}
    # Ranks as scores: trec_eval would order equal scores in its own way.
    run = {
        question: {unit: float(-rank) for rank, unit in enumerate(units)}
        for question, units in ranking.items()
    }
    qrels = {question: dict(gains) for question, gains in judgements.items()}
    places = {question: place for place, question in enumerate(judgements)}
    scores = {name: np.zeros(len(places)) for name in by_their_name.values()}
    for one in library.iter_calc(list(by_their_name), qrels, run):
        scores[by_their_name[one.measure]][places[one.query_id]] = one.value
    return scores


def interval(values: NDArray[np.float64]) -> dict[str, float]:
    """Return the mean and its 95% bootstrap interval: `value`, `low` and `high`.

    The same questions are drawn for every `values` of one length, so the interval of the
    differences of two rankings is a paired one.
    """
    drawn = np.random.default_rng(SEED)
    count = len(values)
    means = np.concatenate(
        [
            values[drawn.integers(0, count, (DRAWN_AT_ONCE, count))].mean(axis=1)
            for _ in range(RESAMPLES // DRAWN_AT_ONCE)
        ]
    )
    tail = (100 - INTERVAL_PERCENT) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    found: dict[str, Any] = {"value": values.mean(), "low": low, "high": high}
    return {name: round(float(value), 4) for name, value in found.items()}
