"""Grade: how well passages fit a question, to decide whether to search again."""

import asyncio
from collections.abc import Sequence

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import MetadataMode, NodeWithScore

from alir.steps.ask.text.sentences import content_words, content_words_of

GRADED = 3
"""Passages that are looked at: the first ones are the best, and each costs a core 10 ms or so."""
WORDS_WEIGHT = 0.5
"""Weight of the share of the question's words, beside the cosine similarity's 1."""
MIN_GRADE = 0.7
"""Below it, it is searched again. Of the questions on the essay and the annual report in
tests/quality, 9 of 76 whose passage was found were below, and 19 of 25 without an answer."""


async def grade(
    question: str, passages: Sequence[NodeWithScore], *, embedding: BaseEmbedding
) -> float:
    """Return how well the best of the first three passages fits, from 0 to 1.5.

    It is the passage's cosine similarity to the question plus half the share of the question's
    content words that stand in it; 0 without passages.
    """
    if not passages:
        return 0.0
    texts = [
        passage.node.get_content(metadata_mode=MetadataMode.NONE) for passage in passages[:GRADED]
    ]
    vectors = np.asarray(await embedding.aget_text_embedding_batch(texts), dtype=np.float32)
    asked = np.asarray(await embedding.aget_query_embedding(question), dtype=np.float32)
    words = content_words(question)
    stated = await asyncio.to_thread(content_words_of, texts)
    shares = [len(words & own) / max(len(words), 1) for own in stated]
    return max(0.0, float((vectors @ asked + WORDS_WEIGHT * np.asarray(shares)).max()))
