"""Support: how far the passages that a sentence cites support it."""

from collections.abc import Sequence

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding

from alir.models.answers import CheckedSentence
from alir.steps.ask.cite import Citations
from alir.steps.ask.stream import Claim
from alir.steps.ask.text.passage_text import PassageText, numbers
from alir.steps.ask.text.sentences import content_words

MIN_SUPPORT = 0.55
"""Below it, a sentence is not supported. Measured: docs/citations.md."""
UNSUPPORTED = "[unsupported]"
"""What stands behind such a sentence in the answer."""

_STOPS = ".!?…。！？\"'”’ "


async def check(claim: Claim, citations: Citations, *, embedding: BaseEmbedding) -> CheckedSentence:
    """Return how far what `claim` cites supports it; 0 if it cites nothing that holds."""
    support = 0.0
    if claim.citations:
        quotes = [citations.made[number - 1].quote for number in claim.citations]
        passages = [citations.passage(number) for number in claim.citations]
        support = await score(claim.text, quotes, passages, embedding=embedding)
    return CheckedSentence(claim.text, claim.citations, support, support >= MIN_SUPPORT)


async def score(
    sentence: str,
    quotes: Sequence[str],
    passages: Sequence[PassageText],
    *,
    embedding: BaseEmbedding,
) -> float:
    """Return the support for `sentence`, from 0 to 1.

    It is the mean of the cosine similarity to the nearest of the quotes and of the share of the
    sentence's content words that stand in the passages; 0 if a number of it stands in none. A
    sentence that is one of the quotes has full support, and costs no call of the model.
    """
    if not numbers(sentence) <= set[str]().union(*(passage.numbers for passage in passages)):
        return 0.0
    texts = [" ".join(text.split()) for text in (sentence, *quotes)]
    if texts[0].rstrip(_STOPS) in {text.rstrip(_STOPS) for text in texts[1:]}:
        return 1.0
    vectors = np.asarray(await embedding.aget_text_embedding_batch(texts), dtype=np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    words = content_words(sentence)
    stated = set[str]().union(*(passage.words for passage in passages))
    share = len(words & stated) / max(len(words), 1)
    cosine = max(float((vectors[1:] @ vectors[0]).max()), 0.0)
    return (cosine + share) / 2
