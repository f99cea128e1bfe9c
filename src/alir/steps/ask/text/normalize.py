"""Normalize: find in a text what only looks different there, to the character.

The rule. In what is looked for and in the text alike:

1. Compatibility forms are what they stand for, and accents may be composed or not (Unicode's
   NFKD): ligatures, full-width and presentation forms. Superscripts, subscripts, fractions and
   enclosed characters stay themselves: 10² is not 102.
2. Quotation marks and apostrophes of every shape, single and double, are one character; so are
   hyphens, dashes and the minus sign.
3. What is not seen is left out: soft hyphens, zero-width characters, marks of direction.
4. Any run of white space is one space; between letters of scripts without spaces, it is nothing.
5. A hyphen between two letters, and the line end that may follow it, may only have ended a line:
   what is looked for may be without it.

Case, accents, digits and all other punctuation must agree, and neither end is inside a word.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from alir.models.answers import Span
from alir.steps.ask.text.sentences import MARKS, UNSPACED

_ITSELF = ("<super>", "<sub>", "<fraction>", "<circle>", "<square>")
_SAME = {
    **dict.fromkeys("\"'`´‘’‚‛“”„‟′″‹›«»「」『』", '"'),
    **dict.fromkeys("-‐‑‒–—―−", "-"),
}
_LINE_ENDS = frozenset("\n\r\v\f\x85\u2028\u2029")
_LETTER = r"[^\W\d_]"
_MARK = re.compile(f"[{MARKS}]")
_OF_A_WORD = re.compile(rf"[^\W{UNSPACED.pattern[1:-1]}]")
"""A letter or digit of a script that has spaces between its words."""
_NOT_OF_A_WORD = re.compile(rf"[\W{UNSPACED.pattern[1:-1]}]")
_JOINED = re.compile(
    f"(?<={_LETTER}|{_MARK.pattern})-\\n?(?={_LETTER})"  # a broken line
    f"|(?<={UNSPACED.pattern})[ \\n](?={UNSPACED.pattern})"
)
_SOFT_HYPHEN = "\xad"


class _Letter(NamedTuple):
    char: str
    start: int
    end: int
    """It stands for characters `start` to `end` of the text as it was."""


class Normalized:
    """A text as the rule sees it, to be searched any number of times."""

    def __init__(self, text: str) -> None:
        spaced = list(_spaced(_folded(text)))
        letters: list[_Letter] = []
        hyphens: list[int] = []
        at = 0
        for between in _JOINED.finditer("".join(letter.char for letter in spaced)):
            letters += spaced[at : between.start()]
            at = between.end()
            if between[0][0] == "-":
                hyphens.append(len(letters))
        letters += spaced[at:]
        self._letters = letters
        self._chars = "".join(letter.char for letter in letters).replace("\n", " ")
        self._hyphens = _bits(hyphens)
        """Bit n is set where a hyphen of rule 5, which `_chars` lacks, stands before letter n."""

    def find(self, wanted: str) -> Span | None:
        """Return where `wanted` first stands in the text, in offsets of the text itself."""
        sought = Normalized(wanted)
        chars = sought._chars.strip()
        if not chars:
            return None
        hyphens = sought._hyphens >> len(sought._chars) - len(sought._chars.lstrip())
        start = self._chars.find(chars)
        while start >= 0:
            end = start + len(chars)
            if not self._begins_word(start):
                start = self._next_beginning(start)
            elif self._ends_word(end) and not hyphens & ~(self._hyphens >> start):
                return Span(self._letters[start].start, self._letters[end - 1].end)
            else:
                start += 1
            start = self._chars.find(chars, start)
        return None

    def _begins_word(self, at: int) -> bool:
        is_free = at == 0 or UNSPACED.match(self._chars, at) or self._hyphens >> at & 1
        return bool(is_free) or not _OF_A_WORD.match(self._chars, at - 1)

    def _ends_word(self, at: int) -> bool:
        if at == len(self._chars) or self._hyphens >> at & 1:
            return True
        is_free = UNSPACED.match(self._chars, at - 1) or not _OF_A_WORD.match(self._chars, at)
        return bool(is_free) and not _MARK.match(self._chars, at)

    def _next_beginning(self, at: int) -> int:
        """Where the next word may begin: what is in the middle of one need not be tried."""
        ahead = self._hyphens >> at + 1
        end = at + (ahead & -ahead).bit_length() if ahead else len(self._chars)
        free = _NOT_OF_A_WORD.search(self._chars, at, end)
        return free.end() if free else end


def find(wanted: str, text: str) -> Span | None:
    """Return where `wanted` first stands in `text` by the rule, in offsets of `text` itself."""
    return Normalized(text).find(wanted)


def _bits(positions: Sequence[int]) -> int:
    bits = bytearray(b"0" * (positions[-1] + 1)) if positions else bytearray(b"0")
    for position in positions:
        bits[-1 - position] = ord("1")
    return int(bits, 2)


def _folded(text: str) -> Iterator[_Letter]:
    """Rules 1 to 3, and a soft hyphen at a line's end is a hyphen."""
    for at, char in enumerate(text):
        shown = "-" if char == _SOFT_HYPHEN and text[at + 1 : at + 2] in {"\n", "\r"} else char
        if unicodedata.category(shown) == "Cf":
            continue
        shown = _SAME.get(shown, shown)
        if not unicodedata.decomposition(shown).startswith(_ITSELF):
            shown = unicodedata.normalize("NFKD", shown)
        for one in shown:
            yield _Letter(_SAME.get(one, one), at, at + 1)


def _spaced(letters: Iterable[_Letter]) -> Iterator[_Letter]:
    """Rule 4; a run of white space with a line end in it stays one, for rule 5."""
    for is_space, group in groupby(letters, key=lambda letter: letter.char.isspace()):
        run = list(group)
        if is_space:
            has_end = any(letter.char in _LINE_ENDS for letter in run)
            yield _Letter("\n" if has_end else " ", run[0].start, run[-1].end)
        else:
            yield from _ordered(run)


def _ordered(letters: list[_Letter]) -> Iterator[_Letter]:
    """Put the accents of each letter in Unicode's order: NFKD saw one character at a time."""
    for is_mark, group in groupby(letters, key=lambda one: unicodedata.combining(one.char) > 0):
        run = list(group)
        yield from sorted(run, key=lambda one: unicodedata.combining(one.char)) if is_mark else run
