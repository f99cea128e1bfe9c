"""Find the weights of extractive answers that are best on judged questions: a grid search.

The weights are chosen on every second question of each kind and measured on the others, then the
other way round, so no question is measured with weights that it helped to choose.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import NodeWithScore, TextNode

from alir.evaluation.outcomes import AnswerFigures, JudgedQuestion, Outcome, PassageSpan, figures
from alir.models.answers import SourcePassage
from alir.steps.ask.extract import ExtractionWeights, SentenceScores, choose, compare, scored

GRID = [
    ExtractionWeights(words, passage_words, keep)
    for words, passage_words, keep in product((0.0, 0.5, 1.0), (0.0, 0.5, 1.0), (0.85, 0.9, 0.95))
]
THRESHOLDS = [step / 40 for step in range(80)]


@dataclass(frozen=True, slots=True)
class FitSample:
    """A question, the passages found for it, and the scores of their sentences."""

    question: JudgedQuestion
    places: Sequence[PassageSpan]
    compared: SentenceScores

    def outcome(self, weights: ExtractionWeights) -> Outcome:
        """Return the outcome of the question with `weights`."""
        quotes = choose(self.compared, weights)
        cited: list[PassageSpan] = []
        for quote in quotes:
            place = self.places[quote.passage]
            cited.append(
                PassageSpan(place.file, place.start + quote.start, place.start + quote.end)
            )
        return Outcome(self.question, self.places, cited, is_answered=bool(quotes))


@dataclass(frozen=True, slots=True)
class FittedWeights:
    """The best weights, and their figures."""

    weights: ExtractionWeights
    """The best on all questions."""
    figures: AnswerFigures
    """Of all questions, each with the weights that are best on the other half."""


async def fit(
    asked: Sequence[tuple[JudgedQuestion, Sequence[SourcePassage], Sequence[PassageSpan]]],
    *,
    embedding: BaseEmbedding,
) -> FittedWeights:
    """Return the best weights for questions and the passages found for them."""
    found = await asyncio.gather(*(_sample(*one, embedding=embedding) for one in asked))
    halves = _halves(found)
    outcomes = []
    for chosen_on, measured_on in (halves, halves[::-1]):
        weights = best(chosen_on)
        outcomes += [one.outcome(weights) for one in measured_on]
    return FittedWeights(best(found), figures(outcomes))


def best(found: Sequence[FitSample]) -> ExtractionWeights:
    """Return the weights that are best on these questions."""
    return max((_with_threshold(found, weights) for weights in GRID), key=lambda one: one[0])[1]


def _with_threshold(
    found: Sequence[FitSample], weights: ExtractionWeights
) -> tuple[float, ExtractionWeights]:
    """Return the best threshold for `weights`, and how good the outcomes are with it."""
    tried = replace(weights, least=-inf)
    tops = [max(scored(one.compared, tried), default=-inf) for one in found]
    answered = [one.outcome(tried) for one in found]
    withheld = [replace(one, cited=(), is_answered=False) for one in answered]

    def worth_with(least: float) -> float:
        choices = zip(tops, answered, withheld, strict=True)
        return worth([given if top >= least else kept for top, given, kept in choices])

    least = max(THRESHOLDS, key=worth_with)
    return worth_with(least), replace(weights, least=least)


def worth(outcomes: Sequence[Outcome]) -> float:
    """Return how good these outcomes are: more is better.

    An answer wrongly withheld counts twice: a reader can see by its citations one wrongly given.
    """
    of = figures(outcomes)
    right = (of.citation_precision + of.citation_recall) / 2
    return right - 2 * of.false_not_answered - of.false_answered


async def _sample(
    question: JudgedQuestion,
    sources: Sequence[SourcePassage],
    places: Sequence[PassageSpan],
    *,
    embedding: BaseEmbedding,
) -> FitSample:
    nodes = [
        NodeWithScore(node=TextNode(text=one.text, metadata={"file_path": one.file}))
        for one in sources
    ]
    return FitSample(question, places, await compare(question.text, nodes, embedding=embedding))


def _halves(found: Sequence[FitSample]) -> tuple[list[FitSample], list[FitSample]]:
    answerable = [one for one in found if one.question.expected]
    unanswerable = [one for one in found if not one.question.expected]
    return [*answerable[::2], *unanswerable[::2]], [*answerable[1::2], *unanswerable[1::2]]
