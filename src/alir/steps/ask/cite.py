"""Cite: turn what an answer claims to rest on into citations that were checked.

A citation holds when its quote stands, character for character, in the stored chunk. One that
does not hold is removed from the answer and counted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from alir.models.answers import Citation, Quote, SourcePassage, Span
from alir.steps.ask.text.normalize import find
from alir.steps.ask.text.sentences import UNSPACED, content_words, sentences

MIN_SHARE = 0.2
"""Least share of a sentence's content words that the sentence it cites must have."""
MIN_QUOTED_WORDS = 3
"""A shorter text in quotation marks is a name or a term, not a quotation."""
MIN_QUOTED_LETTERS = 6
"""The same, of a script without spaces between its words."""

MARKER = re.compile(r"\s?\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
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
        self._cited: list[int] = []
        """The passage of each citation."""
        self._stored = stored

    def cite(self, quote: Quote) -> int | None:
        """Return the number of the citation of `quote`; None, and counted, if it does not hold."""
        citation = self._checked(quote)
        if citation is None:
            self.removed += 1
            return None
        if citation not in self.made:
            self.made.append(citation)
            self._cited.append(quote.passage)
        return self.made.index(citation) + 1

    def cite_number(self, number: int, sentence: str) -> int | None:
        """Return the citation of source `number` (from 1) for `sentence`, a language model's.

        The quote is the quotation in the sentence if it has one, else the passage's sentence
        that shares most of its words; None, and counted, if there is neither.
        """
        if not 1 <= number <= len(self._passages):
            self.removed += 1
            return None
        span = _support(sentence, self._text(number - 1))
        if span is None:
            self.removed += 1
            return None
        return self.cite(Quote(number - 1, span.start, span.end))

    def passage(self, number: int) -> str:
        """Return the text of the passage that citation `number` (from 1) is of."""
        return self._text(self._cited[number - 1])

    def _text(self, passage: int) -> str:
        return self._passages[passage].node.get_content(metadata_mode=MetadataMode.NONE)

    def _checked(self, quote: Quote) -> Citation | None:
        node = self._passages[quote.passage].node
        text = self._text(quote.passage)[quote.start : quote.end]
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


def _support(sentence: str, text: str) -> Span | None:
    """The stretch of `text` that `sentence` rests on; None if there is none."""
    quotations = [words for words in _quotations(sentence) if _is_quotation(words)]
    if quotations:
        spans = [find(words.rstrip(".,;"), text) for words in quotations]
        return next((span for span in spans if span is not None), None)
    words = content_words(sentence)
    best, best_share = None, 0.0
    for span in sentences(text):
        share = len(words & content_words(text[span.start : span.end])) / max(len(words), 1)
        if share > best_share:
            best, best_share = span, share
        if best_share == 1.0:  # none has more; and to find sentences takes longer than this loop
            break
    return best if best_share >= MIN_SHARE else None


def _quotations(sentence: str) -> list[str]:
    return [match[match.lastindex or 0] for match in _QUOTATION.finditer(sentence)]


def _is_quotation(words: str) -> bool:
    is_long = len(UNSPACED.findall(words)) >= MIN_QUOTED_LETTERS
    return is_long or len(words.split()) >= MIN_QUOTED_WORDS


def _page(metadata: Mapping[str, object]) -> int | None:
    label = metadata.get("page_label")
    return int(str(label)) if label is not None and str(label).isdecimal() else None
