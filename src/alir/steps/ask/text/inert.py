"""Inert: an answer's text, in which nothing loads, links or is markup wherever it is shown.

A document can ask a language model to put an image into its answer whose address carries what the
other passages say: a page that shows the answer would send it off. And the documents' own
sentences may hold links and HTML. So in an answer

- a link or an image is its text and its address, apart: `[text] (address)`;
- the address of a reference, `[1]: address`, is none: `[1] : address`;
- what looks like an HTML tag or an automatic link begins with ‹ instead of <;
- an address that stands in none of the passages, nor in the question, is left out.
"""

import re
from collections.abc import Iterable

REMOVED = "[link removed]"

_BEGUN = r"(?:https?://|ftp://|//(?=[^\s/]*[.:@])|(?<![A-Za-z0-9])www\.)"
_RISKY = re.compile(
    rf"(?P<target>\]\()|(?P<label>\]:)|(?P<tag><(?=[A-Za-z/!?]))|(?P<address>{_BEGUN}[!-~]*)",
    re.IGNORECASE,
)
# What may be the beginning of an address, or of a tag, and is not known to be one yet.
_PART = r"(?:h(?:t(?:t(?:ps?(?::/?)?)?)?)?|f(?:t(?:p(?::/?)?)?)?|(?<![A-Za-z0-9])ww?w?)"
_UNDECIDED = re.compile(rf"(?:<|<?(?:{_BEGUN}[!-~]*|/(?:/[!-~]*)?|{_PART}))\Z", re.IGNORECASE)
_OPENS_LABEL = re.compile(r"(?:\A|\n)[^\S\n]*(?:(?:[>*+-]|\d+[.)])\s*)*\[[^\]]*\Z")
_BEHIND = ".,;:!?'\")]}*_>`"
"""What ends a sentence or a link around an address, and not the address."""
_CONTEXT = 1_000
"""Letters shown before that are looked at: the longest label that Markdown allows."""


class InertText:
    """Text as it streams, made inert; how it is cut into pieces makes no difference."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.sources = list(sources)
        """The texts whose addresses may be shown."""
        self._before = ""
        self._held = ""
        self.removed = 0
        """Addresses that were left out."""

    def feed(self, text: str) -> str:
        """Take the next piece; return what can be shown."""
        self._held += text
        undecided = _UNDECIDED.search(self._before[-1:] + self._held)
        end = len(self._held)
        if undecided:
            end = max(undecided.start() - len(self._before[-1:]), 0)
        return self._shown(end)

    def settle(self) -> str:
        """Return what was held back: white space, or nothing, comes next."""
        return self._shown(len(self._held))

    def _shown(self, end: int) -> str:
        ready, self._held = self._held[:end], self._held[end:]
        text, start = self._before + ready, len(self._before)
        shown: list[str] = []
        # One letter back: a bracket that was shown may only now be followed by the other.
        for risk in _RISKY.finditer(text, max(start - 1, 0)):
            if risk.end() <= start:
                continue
            shown.append(text[start : max(risk.start(), start)])
            shown.append(self._made_inert(risk, text, start))
            start = risk.end()
        shown.append(text[start:])
        self._before = text[-_CONTEXT:]
        return "".join(shown)

    def _made_inert(self, risk: re.Match[str], text: str, start: int) -> str:
        new = text[max(risk.start(), start) : risk.end()]
        if risk.lastgroup == "target":
            return f"{new[:-1]} ("
        if risk.lastgroup == "label":
            is_definition = _OPENS_LABEL.search(text, 0, risk.start())
            return f"{new[:-1]} :" if is_definition else new
        if risk.lastgroup == "tag":
            return "‹"
        address = new.rstrip(_BEHIND)
        if any(address in source for source in self.sources):
            return new
        self.removed += 1
        return REMOVED + new[len(address) :]


def inert(text: str, sources: Iterable[str]) -> str:
    """Return `text` made inert."""
    made = InertText(sources)
    return made.feed(text) + made.settle()
