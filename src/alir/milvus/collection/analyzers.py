"""Analyzers: how BM25 cuts a text into words, by the names of the setting `ALIR_ANALYZER`."""

import string
from typing import Any

# jieba makes a word of each of these, and a question with a comma would find every text with one.
_MARKS = [
    *string.punctuation,
    *string.whitespace,
    *"，。！？、；：“”‘’（）《》『』「」【】·…—–　؟،",
]

ANALYZERS: dict[str, dict[str, Any]] = {
    "english": {"type": "english"},
    "jieba": {
        "tokenizer": "jieba",
        "filter": [
            "lowercase",
            {"type": "stop", "stop_words": ["_english_", *_MARKS]},
            {"type": "stemmer", "language": "english"},
        ],
    },
}
"""In Milvus's terms. `english`: words between spaces and marks, English stop words and stems, which
finds words of Indonesian, Arabic, Hindi or Russian too, as they stand, and hardly one of Chinese,
Japanese, Korean or Thai. `jieba`: those too; letters that are neither ASCII nor theirs stand
alone."""
