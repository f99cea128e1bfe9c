"""Extract: an answer of the documents' own sentences, for when there is no language model."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import MetadataMode, NodeWithScore
from numpy.typing import NDArray

from alir.models.answers import Quote
from alir.steps.ask.text.sentences import content_words, content_words_of, sentences_of

MAX_SENTENCES = 3
MIN_WORDS = 2
"""Content words of a sentence that can answer."""
_OF_DOCUMENTS = content_words("author document text article passage according mention describe")
"""Words of a question that mean the documents themselves, which need not contain them."""


@dataclass(frozen=True, slots=True)
class ExtractionWeights:
    """What a sentence's score is made of, beside its cosine similarity to the question.

    Measured: docs/citations.md.
    """

    words: float = 0.5
    """For the share of the question's words that stand in the sentence."""
    passage_words: float = 1.0
    """For the share of them that stand in its passage."""
    keep: float = 0.85
    """A further sentence must score at least this share of the best one's score."""
    least: float = 1.2
    """Below this score, no sentence answers."""


DEFAULT = ExtractionWeights()


@dataclass(frozen=True, slots=True)
class SentenceScores:
    """The sentences of the passages found for a question, and how each compares to it."""

    quotes: Sequence[Quote]
    cosines: NDArray[np.float32]
    shares: NDArray[np.float32]
    """Of the question's words, in the sentence."""
    passage_shares: NDArray[np.float32]
    """Of the question's words, in the sentence's passage."""


async def extract(
    question: str, passages: Sequence[NodeWithScore], *, embedding: BaseEmbedding
) -> list[Quote]:
    """Return the sentences of `passages` that answer `question` best, in reading order.

    At most three, verbatim, none twice; none at all if the best one scores too low.
    """
    return choose(await compare(question, passages, embedding=embedding), DEFAULT)


async def compare(
    question: str, passages: Sequence[NodeWithScore], *, embedding: BaseEmbedding
) -> SentenceScores:
    """Return how the sentences of `passages` compare to `question`.

    A word of the question counts the more, the fewer of the sentences have it. The words of a
    file's name stand in each of its sentences.
    """
    # Passages may be long and odd, and to read such takes long.
    candidates, within = await asyncio.to_thread(_candidates, passages)
    if not candidates:
        nothing = np.zeros(0, np.float32)
        return SentenceScores([], nothing, nothing, nothing)
    quotes, compared, words = zip(*candidates, strict=True)
    vectors = np.asarray(await embedding.aget_text_embedding_batch([*compared]), dtype=np.float32)
    asked = np.asarray(await embedding.aget_query_embedding(question), dtype=np.float32)
    rarity = _rarity(content_words(question) - _OF_DOCUMENTS, words)
    return SentenceScores(
        quotes,
        _unit(vectors) @ _unit(asked),
        np.asarray([_share(rarity, one) for one in words], np.float32),
        np.asarray([_share(rarity, within[quote.passage]) for quote in quotes], np.float32),
    )


def choose(compared: SentenceScores, weights: ExtractionWeights) -> list[Quote]:
    """Return the sentences that score best, in reading order."""
    if not compared.quotes:
        return []
    scores = scored(compared, weights)
    if scores.max() < weights.least:
        return []
    order = np.argsort(-scores, kind="stable")[:MAX_SENTENCES]
    best = [compared.quotes[i] for i in order if scores[i] >= weights.keep * scores[order[0]]]
    return sorted(best, key=lambda quote: (quote.passage, quote.start))


def scored(compared: SentenceScores, weights: ExtractionWeights) -> NDArray[np.float32]:
    """Return the score of each sentence."""
    words = weights.words * compared.shares + weights.passage_words * compared.passage_shares
    scores: NDArray[np.float32] = compared.cosines + words
    return scores


def _candidates(
    passages: Sequence[NodeWithScore],
) -> tuple[list[tuple[Quote, str, set[str]]], list[set[str]]]:
    """Return the sentences that may answer, with their words; and the words of each passage."""
    texts = [passage.node.get_content(metadata_mode=MetadataMode.NONE) for passage in passages]
    names = content_words_of([_name(passage) for passage in passages])
    found = _sentences(texts)
    worded = zip(found.items(), content_words_of(found), strict=True)
    candidates = [
        (quote, sentence, words | names[quote.passage])
        for (sentence, quote), words in worded
        if len(words) >= MIN_WORDS
    ]
    within = [own | name for own, name in zip(content_words_of(texts), names, strict=True)]
    return candidates, within


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = vectors / np.maximum(lengths, 1e-9)
    return unit


def _rarity(asked: set[str], sentences: Sequence[set[str]]) -> dict[str, float]:
    count = len(sentences)
    return {word: log(1 + count / (1 + sum(word in one for one in sentences))) for word in asked}


def _share(rarity: dict[str, float], words: set[str]) -> float:
    return sum(rare for word, rare in rarity.items() if word in words) / (
        sum(rarity.values()) or 1.0
    )


def _sentences(texts: Sequence[str]) -> dict[str, Quote]:
    """Return the sentences of passages, without line ends, and where each stands.

    Neighbouring chunks overlap: a sentence counts once, where it ranks best. And a question does
    not answer one.
    """
    found: dict[str, Quote] = {}
    for index, (text, spans) in enumerate(zip(texts, sentences_of(texts), strict=True)):
        for span in spans:
            sentence = " ".join(text[span.start : span.end].split())
            is_question = sentence.rstrip("\"'”’」』）)*_ ").endswith(("?", "？", "؟"))
            if not is_question:
                found.setdefault(sentence, Quote(index, span.start, span.end))
    return found


def _name(passage: NodeWithScore) -> str:
    return re.sub("[_-]", " ", Path(str(passage.node.metadata.get("file_path", ""))).stem)
