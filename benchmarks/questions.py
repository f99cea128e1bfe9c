"""Questions to ask of a corpus: from a file, or made of its own sentences."""

import random
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cranfield import records

_SENTENCE = re.compile(r"[^.!?\n]{40,}[.!?]")
QUESTION_WORDS = 12


def from_file(path: Path) -> list[str]:
    """Return the questions in `path`: one a line, or in the format of the Cranfield collection."""
    text = path.read_text("utf-8", errors="replace")
    found = records(text) or text.splitlines()
    return [" ".join(one.split()) for one in found if one.strip()]


def from_texts(texts: Sequence[str], count: int, *, seed: int = 0) -> list[str]:
    """Return at most `count` questions, each a sentence's first words, always the same ones."""
    sentences = sorted({one for text in texts for one in _SENTENCE.findall(text)})
    random.Random(seed).shuffle(sentences)  # noqa: S311  not for secrets
    return [
        f"What about {' '.join(sentence.rstrip('.!?').split()[:QUESTION_WORDS])}?"
        for sentence in sentences[:count]
    ]
