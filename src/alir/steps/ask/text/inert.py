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

_MAX_HOST_CHARS = 253
_BEGUN = rf"(?:https?://|ftp://|//(?=[^\s/]{{0,{_MAX_HOST_CHARS}}}[.:@])|(?<![A-Za-z0-9])www\.)"
_RISKY = re.compile(
    rf"(?P<target>\]\()|(?P<label>\]:)|(?P<tag><(?=[A-Za-z/!?]))|(?P<address>{_BEGUN}[!-~]*)",
    re.IGNORECASE,
)
# What may be the beginning of an address, or of a tag, and is not known to be one yet.
_UNDECIDED = re.compile(
    rf"(?:<|/|//[^\s/]{{0,{_MAX_HOST_CHARS}}}|h(?:t(?:t(?:ps?(?::/?)?)?)?)?|f(?:t(?:p(?::/?)?)?)?"
    r"|(?<![A-Za-z0-9])ww?w?)\Z",
    re.IGNORECASE,
)
_MAX_UNDECIDED_CHARS = 2 + _MAX_HOST_CHARS
_OF_AN_ADDRESS = re.compile(r"[!-~]+")
_OPENS_LABEL = re.compile(r"(?<![^\n])[^\S\n]*(?:(?:[>*+-]|\d+[.)])[^\S\n]*)*\[")
_BEHIND = ".,;:!?'\")]}*_>`"
"""What ends a sentence or a link around an address, and not the address."""
_CONTEXT = 1_000
"""Letters shown before that are looked at: the longest label that Markdown allows."""


class InertText:
    """Text as it streams, made inert; how it is cut into pieces makes no difference."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.removed = 0
        """Addresses that were left out."""
        self._addresses = "\n".join(word for text in sources for word in _addresses(text))
        """Those that may be shown: the ones of the sources."""
        self._before = ""
        self._held = ""
        """What may become an address or a tag."""
        self._address: list[str] = []
        """One that has begun and not ended, in pieces."""

    def feed(self, text: str) -> str:
        """Take the next piece; return what can be shown."""
        if self._address and _OF_AN_ADDRESS.fullmatch(text):
            self._address.append(text)
            return ""
        return self._shown(text, final=False)

    def settle(self) -> str:
        """Return what was held back: white space, or nothing, comes next."""
        return self._shown("", final=True)

    def apart(self, text: str) -> str:
        """Return another text, made inert by the same sources."""
        made = InertText(())
        made._addresses = self._addresses
        return made.feed(text) + made.settle()

    def _shown(self, more: str, *, final: bool) -> str:
        text = "".join((self._before, self._held, *self._address, more))
        start = len(self._before)
        # One letter back: a bracket that was shown may only now be followed by the other.
        looked = max(start - 1, 0)
        held = len(text) if final else _undecided(text, looked)
        is_address = False
        shown: list[str] = []
        while (risk := _RISKY.search(text, looked)) and risk.start() < held:
            if risk.lastgroup == "address" and risk.end() == len(text) and not final:
                held, is_address = risk.start(), True
                break
            looked = risk.end()
            if looked > start:
                shown.append(text[start : max(risk.start(), start)])
                shown.append(self._made_inert(risk, text, start))
                start = looked
            if looked > held:
                held = _undecided(text, looked)
        held = max(held, start)
        shown.append(text[start:held])
        self._before = text[max(held - _CONTEXT - 1, 0) : held]
        self._held = "" if is_address else text[held:]
        self._address = [text[held:]] if is_address else []
        return "".join(shown)

    def _made_inert(self, risk: re.Match[str], text: str, start: int) -> str:
        new = text[max(risk.start(), start) : risk.end()]
        if risk.lastgroup == "target":
            return f"{new[:-1]} ("
        if risk.lastgroup == "label":
            return f"{new[:-1]} :" if _is_definition(text, risk.start()) else new
        if risk.lastgroup == "tag":
            return "‹"
        address = new.rstrip(_BEHIND)
        if address in self._addresses:
            return new
        self.removed += 1
        return REMOVED + new[len(address) :]


def inert(text: str, sources: Iterable[str]) -> str:
    """Return `text` made inert."""
    return InertText(sources).apart(text)


def _undecided(text: str, start: int) -> int:
    """Where what is not known to be an address or a tag yet begins; at the end if all is known."""
    found = _UNDECIDED.search(text, max(start, len(text) - _MAX_UNDECIDED_CHARS))
    return found.start() if found else len(text)


def _is_definition(text: str, end: int) -> bool:
    """Whether a bracket that closes at `end` was opened where a line begins."""
    start = max(text.rfind("]", 0, end) + 1, end - _CONTEXT)
    return _OPENS_LABEL.search(text, start, end) is not None


def _addresses(text: str) -> list[str]:
    if "//" not in text and "www." not in text.lower():
        return []
    words: list[str] = _OF_AN_ADDRESS.findall(text)
    return [word for word in words if "//" in word or "www." in word.lower()]
