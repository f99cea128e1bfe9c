"""Text that looks like English to a splitter, always the same for a seed."""

import random
from collections.abc import Iterator
from pathlib import Path

WORDS = [
    "the",
    "a",
    "of",
    "and",
    "to",
    "in",
    "that",
    "wing",
    "flow",
    "pressure",
    "record",
    "number",
    "report",
    "revenue",
    "city",
    "river",
    "model",
    "measured",
    "shows",
    "between",
    "under",
    "before",
    "after",
    "large",
    "small",
    "early",
    "index",
    "passage",
    "question",
    "answer",
    "council",
    "quietly",
    "steady",
    "turbulent",
    "boundary",
    "layer",
    "market",
    "driver",
    "journey",
    "winter",
    "archive",
    "letter",
]
SENTENCE_WORDS = 14
PARAGRAPH_SENTENCES = 6


def sentences(seed: int) -> Iterator[str]:
    """Yield sentences without end; every sixth ends a paragraph."""
    generator = random.Random(seed)  # noqa: S311  not for secrets
    number = 0
    while True:
        number += 1
        words = " ".join(generator.choices(WORDS, k=SENTENCE_WORDS))
        end = "\n\n" if number % PARAGRAPH_SENTENCES == 0 else " "
        yield f"{words.capitalize()} {number}.{end}"


def write(path: Path, chars: int, *, seed: int) -> None:
    """Write at least `chars` characters to `path`, a sentence at a time."""
    with path.open("w", encoding="utf-8") as file:
        written = 0
        for sentence in sentences(seed):
            file.write(sentence)
            written += len(sentence)
            if written >= chars:
                return
