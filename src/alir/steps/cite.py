"""Cite: turn what an answer claims to rest on into citations that were checked.

A citation holds when its quote stands, character for character, in the stored chunk. One that
does not hold is removed from the answer and counted.
"""

import re
from collections.abc import Mapping, Sequence

from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from alir.models import Citation, Quote, SourcePassage, Span
from alir.steps.sentences import content_words, sentences

MIN_SUPPORT = 0.2
"""Least share of a sentence's content words that the sentence it cites must have."""
MIN_QUOTED_WORDS = 3
"""A shorter text in quotation marks is a name or a term, not a quotation."""

MARKER = re.compile(r"\s?\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_CODE = re.compile(r"(?P<ticks>`+)[^`\n]+(?P=ticks)")
_MARKER_OR_CODE = re.compile(f"{MARKER.pattern}|{_CODE.pattern}")
_UNFINISHED = re.compile(r"\s?\[[\d\s,]{0,400}\Z|\s\Z")
_STOP = re.compile(r"[.!?。！？][\"'”’)]*|\n")
_TRAILING = re.compile(r"(?:[ \t]*\[\d{1,3}(?:\s*,\s*\d{1,3})*\])*")
_MAY_GO_ON = re.compile(r"[\"'”’)]*[ \t]*(?:\[[\d\s,]{0,400})?\Z")
_QUOTATION = re.compile(r"[\"“]([^\"“”]+)[\"”]")


def source(passage: NodeWithScore) -> SourcePassage:
    """Return what a person sees of a passage."""
    metadata = passage.node.metadata
    return SourcePassage(
        file=str(metadata.get("file_path", "")),
        page=_page(metadata),
        text=passage.node.get_content(metadata_mode=MetadataMode.NONE),
        score=float(passage.score or 0.0),
    )


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
        self._stored = stored

    def cite(self, quote: Quote) -> int | None:
        """Return the number of the citation of `quote`; None, and counted, if it does not hold."""
        citation = self._checked(quote)
        if citation is None:
            self.removed += 1
            return None
        if citation not in self.made:
            self.made.append(citation)
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


class CitedText:
    """The text of a language model as it streams, its source numbers turned into citations.

    Text passes through as it comes; a marker such as [2] waits until its sentence has ended, and
    is checked against the whole sentence. How the text is cut into pieces makes no difference.
    """

    def __init__(self, citations: Citations) -> None:
        self._citations = citations
        self._held = ""
        """The present sentence, from its beginning."""
        self._given = 0
        """How much of it was given out."""
        self._previous = ""
        """The words of the sentence before: a marker on a line of its own is about them."""
        self._in_code = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what can be shown."""
        self._held += text
        return self._ready(final=False)

    def finish(self) -> str:
        """Return what is left when the text has ended."""
        return self._ready(final=True)

    def _ready(self, *, final: bool) -> str:
        shown = ""
        while self._held and (end := _sentence_end(self._held, final=final)):
            sentence, self._held = self._held[:end], self._held[end:]
            shown += self._cited(sentence)[self._given :]
            # White space behind the stop may have been given out already.
            self._given = max(self._given - end, 0)
        waiting = MARKER.search(self._held) or _UNFINISHED.search(self._held)
        safe = waiting.start() if waiting else len(self._held)
        if safe > self._given:
            shown += self._held[self._given : safe]
            self._given = safe
        return shown

    def _cited(self, sentence: str) -> str:
        # What stands between fences is code, which may go on over many lines.
        pieces = sentence.split("```")
        text = pieces[self._in_code :: 2]
        words = MARKER.sub("", "".join(text))
        if words.strip():
            self._previous = words
        pieces[self._in_code :: 2] = [_MARKER_OR_CODE.sub(self._numbers, one) for one in text]
        self._in_code ^= len(pieces) % 2 == 0
        return "```".join(pieces)

    def _numbers(self, marker: re.Match[str]) -> str:
        words = self._previous
        if marker[1] is None:  # an index in code
            return marker[0]
        cited = [self._citations.cite_number(int(number), words) for number in marker[1].split(",")]
        numbers = list(dict.fromkeys(number for number in cited if number is not None))
        lead = marker[0].partition("[")[0]
        return lead + "".join(f"[{number}]" for number in numbers) if numbers else ""


def _sentence_end(text: str, *, final: bool) -> int:
    """Where the first sentence of `text` ends, markers behind its full stop included.

    0 while that is not known: a further marker, or the rest of a number, may follow.
    """
    for stop in _STOP.finditer(text):
        if stop[0] == "\n":
            return stop.end()
        code = _in_code(text, stop.start())
        if code is None and not final:
            return 0
        if code:
            continue
        trailing = _TRAILING.match(text, stop.end())
        end = trailing.end() if trailing else stop.end()
        if not final and _MAY_GO_ON.match(text, end):
            return 0
        follows = text[end : end + 1]
        if end > stop.end() or not follows or follows.isspace() or stop[0][0] in "。！？":
            return end
    return len(text) if final else 0


def _in_code(text: str, position: int) -> bool | None:
    """Whether a position stands between backticks on its line; None while only one is there."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start:] if end < 0 else text[start:end]
    position -= start
    spans = [code.span() for code in _CODE.finditer(line)]
    if any(left < position < right for left, right in spans):
        return True
    outside = _CODE.sub(lambda code: " " * len(code[0]), line)
    return None if end < 0 and "`" in outside[:position] else False


def _support(sentence: str, text: str) -> Span | None:
    """The stretch of `text` that `sentence` rests on; None if there is none."""
    quotations = [
        quotation
        for quotation in _QUOTATION.findall(sentence)
        if len(quotation.split()) >= MIN_QUOTED_WORDS
    ]
    if quotations:
        spans = [_find(quotation.rstrip(".,;"), text) for quotation in quotations]
        return next((span for span in spans if span is not None), None)
    words = content_words(sentence)
    best, best_share = None, 0.0
    for span in sentences(text):
        share = len(words & content_words(text[span.start : span.end])) / max(len(words), 1)
        if share > best_share:
            best, best_share = span, share
    return best if best_share >= MIN_SUPPORT else None


def _find(quotation: str, text: str) -> Span | None:
    """Where `quotation` stands in `text`; any run of white space matches any other."""
    pattern = r"\s+".join(re.escape(word) for word in quotation.split())
    match = re.search(rf"(?<!\w){pattern}(?!\w)", text)  # whole words only
    return Span(match.start(), match.end()) if match else None


def _page(metadata: Mapping[str, object]) -> int | None:
    label = metadata.get("page_label")
    return int(str(label)) if label is not None and str(label).isdecimal() else None
