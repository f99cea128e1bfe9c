"""The text of a passage, read once for all that is looked for in it."""

import re
from collections.abc import Collection
from functools import cached_property

from alir.models.answers import Span
from alir.steps.ask.text.normalize import Normalized
from alir.steps.ask.text.sentences import content_words, sentences

_NUMBER = re.compile(r"\d(?:[\d.,]*\d)?")


class PassageText:
    """A passage's text; what is made of it is made once, at its first use."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def sentences(self) -> list[tuple[Span, set[str]]]:
        """Its sentences, and the content words of each."""
        return [
            (span, content_words(self.text[span.start : span.end])) for span in sentences(self.text)
        ]

    @cached_property
    def words(self) -> set[str]:
        """Its content words."""
        return content_words(self.text)

    @cached_property
    def numbers(self) -> set[str]:
        """Its numbers, as `numbers` returns them."""
        return numbers(self.text)

    @cached_property
    def normalized(self) -> Normalized:
        """It as quotations are looked for in it."""
        return Normalized(self.text)

    def prepare(self) -> None:
        """Make all of it. Blocks: ten milliseconds for each 1,000 characters at worst."""
        _ = self.sentences, self.words, self.numbers, self.normalized

    def most_alike(self, words: Collection[str]) -> tuple[Span | None, float]:
        """Return the sentence that has most of `words`, the first of such, and their share."""
        wanted = frozenset(words)
        best, best_share = None, 0.0
        for span, own in self.sentences:
            share = len(wanted & own) / max(len(wanted), 1)
            if share > best_share:
                best, best_share = span, share
        return best, best_share


def numbers(text: str) -> set[str]:
    """Return the numbers of `text` as they are written, without the commas of thousands."""
    return {number.replace(",", "") for number in _NUMBER.findall(text)}
