"""Extract: an answer of the documents' own sentences, for when there is no language model."""

from collections.abc import Sequence

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import MetadataMode, NodeWithScore

from alir.models import Quote
from alir.steps.sentences import content_words, sentences

MAX_SENTENCES = 3
WORDS_WEIGHT = 0.5
"""Weight of the share of the question's words, beside the cosine similarity's 1."""
RANK_PENALTY = 0.02
"""What each rank of the passage costs: the passages were ranked by better means than these."""
KEEP_RATIO = 0.85
"""A further sentence must score at least this share of the best one's score."""
MIN_SCORE = 0.35
"""Below it, no sentence answers. Of ten questions tried on the essay and the annual report, the
two without an answer scored 0.19 and 0.30, the others 0.64 to 1.20."""


async def extract(
    question: str, passages: Sequence[NodeWithScore], *, embedding: BaseEmbedding
) -> list[Quote]:
    """Return the sentences of `passages` that answer `question` best, in reading order.

    At most three, verbatim, none twice; none at all if the best one scores too low. A sentence's
    score is its cosine similarity to the question plus half the share of the question's content
    words that stand in it.
    """
    quotes, texts = _candidates(passages)
    if not quotes:
        return []
    vectors = np.asarray(await embedding.aget_text_embedding_batch(texts), dtype=np.float32)
    asked = np.asarray(await embedding.aget_query_embedding(question), dtype=np.float32)
    scores = vectors @ asked
    asked_words = content_words(question)
    for i, (quote, text) in enumerate(zip(quotes, texts, strict=True)):
        share = len(asked_words & content_words(text)) / max(len(asked_words), 1)
        scores[i] += WORDS_WEIGHT * share - RANK_PENALTY * quote.passage
    if scores.max() < MIN_SCORE:
        return []
    order = np.argsort(-scores, kind="stable")[:MAX_SENTENCES]
    best = [quotes[i] for i in order if scores[i] >= KEEP_RATIO * scores[order[0]]]
    return sorted(best, key=lambda quote: (quote.passage, quote.start))


def _candidates(passages: Sequence[NodeWithScore]) -> tuple[list[Quote], list[str]]:
    quotes: list[Quote] = []
    texts: dict[str, None] = {}
    for index, passage in enumerate(passages):
        text = passage.node.get_content(metadata_mode=MetadataMode.NONE)
        for span in sentences(text):
            sentence = " ".join(text[span.start : span.end].split())
            # Neighbouring chunks overlap: the same sentence counts once, where it ranks best.
            # And a question does not answer one.
            is_question = sentence.rstrip("\"'”’)*_ ").endswith(("?", "？"))
            if len(content_words(sentence)) >= 2 and not is_question and sentence not in texts:
                texts[sentence] = None
                quotes.append(Quote(index, span.start, span.end))
    return quotes, list(texts)
