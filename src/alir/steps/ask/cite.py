"""Cite: turn what an answer claims to rest on into citations that were checked.

A citation holds when its quote stands, character for character, in the stored chunk. One that
does not hold is removed from the answer and counted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from alir.models.answers import Citation, Quote, SourcePassage, Span
from alir.steps.ask.text.passage_text import PassageText
from alir.steps.ask.text.sentences import UNSPACED, content_words

MIN_SHARE = 0.2
"""Least share of a sentence's content words that the sentence it cites must have."""
MIN_QUOTED_WORDS = 3
"""A shorter text in quotation marks is a name or a term, not a quotation."""
MIN_QUOTED_LETTERS = 6
"""The same, of a script without spaces between its words."""
MAX_QUOTATIONS = 5
"""Of one sentence; further ones are not looked for."""

_QUOTATION = re.compile(r"\"([^\"]+)\"|“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|「([^「」]+)」")


def source(passage: NodeWithScore) -> SourcePassage:
    """Return what a person sees of a passage."""
    metadata = passage.node.metadata
    return SourcePassage(
        file=str(metadata.get("file_path", "")),
        page=_page(metadata),
        text=passage.node.get_content(metadata_mode=MetadataMode.NONE),
        score=float(passage.score or 0.0),
    )


def sources(passages: Iterable[NodeWithScore]) -> list[SourcePassage]:
    """Return what a person sees of each of `passages`."""
    return [source(passage) for passage in passages]


class Citations:
    """The citations of one answer, numbered from 1 as they are made; the same quote keeps its
    number.

    Args:
        passages: those the answer is made from.
        stored: text by chunk id, read from the store after the passages were found.
    """

    def __init__(self, passages: Sequence[NodeWithScore], stored: Mapping[str, str]) -> None:
        self.made: list[Citation] = []
        self.removed = 0
        self._passages = passages
        self._read = [
            PassageText(one.node.get_content(metadata_mode=MetadataMode.NONE)) for one in passages
        ]
        self._numbers: dict[Citation, int] = {}
        self._cited: list[int] = []
        """The passage of each citation."""
        self._stored = stored
        self._sentence = ""
        self._supports: dict[int, Span | None] = {}
        """By number, what `_sentence`, the last one, rests on."""

    def prepare(self) -> None:
        """Read the passages, before a model's numbers are checked. Blocks; call it off the loop."""
        for passage in self._read:
            passage.prepare()

    def cite(self, quote: Quote) -> int | None:
        """Return the number of the citation of `quote`; None, and counted, if it does not hold."""
        citation = self._checked(quote)
        if citation is None:
            self.removed += 1
            return None
        if citation not in self._numbers:
            self.made.append(citation)
            self._cited.append(quote.passage)
            self._numbers[citation] = len(self.made)
        return self._numbers[citation]

    def cite_number(self, number: int, sentence: str) -> int | None:
        """Return the citation of source `number` (from 1) for `sentence`, a language model's.

        The quote is the quotation in the sentence if it has one, else the passage's sentence
        that shares most of its words; None, and counted, if there is neither.
        """
        if not 1 <= number <= len(self._passages):
            self.removed += 1
            return None
        if sentence != self._sentence:
            self._sentence, self._supports = sentence, {}
        if number not in self._supports:
            self._supports[number] = _support(sentence, self._read[number - 1])
        span = self._supports[number]
        if span is None:
            self.removed += 1
            return None
        return self.cite(Quote(number - 1, span.start, span.end))

    def passage(self, number: int) -> PassageText:
        """Return the text of the passage that citation `number` (from 1) is of."""
        return self._read[self._cited[number - 1]]

    def _checked(self, quote: Quote) -> Citation | None:
        node = self._passages[quote.passage].node
        text = self._read[quote.passage].text[quote.start : quote.end]
        stored = self._stored.get(node.node_id, "")
        if not text or stored[quote.start : quote.end] != text:
            return None
        offset = (node.start_char_idx or 0) if isinstance(node, TextNode) else 0
        return Citation(
            file=str(node.metadata.get("file_path", "")),
            page=_page(node.metadata),
            start=offset + quote.start,
            end=offset + quote.end,
            quote=text,
        )


def _support(sentence: str, passage: PassageText) -> Span | None:
    """The stretch of `passage` that `sentence` rests on; None if there is none."""
    quotations = [*islice(filter(_is_quotation, _quotations(sentence)), MAX_QUOTATIONS)]
    if quotations:
        spans = (passage.normalized.find(words.rstrip(".,;")) for words in quotations)
        return next((span for span in spans if span is not None), None)
    best, share = passage.most_alike(content_words(sentence))
    return best if share >= MIN_SHARE else None


def _quotations(sentence: str) -> list[str]:
    return [match[match.lastindex or 0] for match in _QUOTATION.finditer(sentence)]


def _is_quotation(words: str) -> bool:
    is_long = len(UNSPACED.findall(words)) >= MIN_QUOTED_LETTERS
    return is_long or len(words.split()) >= MIN_QUOTED_WORDS


def _page(metadata: Mapping[str, object]) -> int | None:
    label = metadata.get("page_label")
    return int(str(label)) if label is not None and str(label).isdecimal() else None
