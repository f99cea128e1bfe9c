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
from collections.abc import Iterable, Iterator
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
_MARK = f"[{MARKS}]"
_OF_A_WORD = rf"[^\W{UNSPACED.pattern[1:-1]}]"
"""A letter or digit of a script that has spaces between its words."""
_JOINED = re.compile(
    f"(?<={_LETTER}|{_MARK})-\\n?(?={_LETTER})"  # a broken line
    f"|(?<={UNSPACED.pattern})[ \\n](?={UNSPACED.pattern})"
)
_HYPHEN = "\xad"
"""The hyphen of rule 5; no soft hyphen is left that could be taken for it."""


class _Letter(NamedTuple):
    char: str
    start: int
    end: int
    """It stands for characters `start` to `end` of the text as it was."""


def find(wanted: str, text: str) -> Span | None:
    """Return where `wanted` first stands in `text` by the rule, in offsets of `text` itself."""
    chars = "".join(letter.char for letter in _normalized(wanted)).strip()
    if not chars:
        return None
    letters = _normalized(text)
    match = re.search(_pattern(chars), "".join(letter.char for letter in letters))
    if match is None:
        return None
    return Span(letters[match.start()].start, letters[match.end() - 1].end)


def _pattern(chars: str) -> str:
    """Match `chars`, with or without hyphens between the letters, and whole words only."""
    pattern = re.sub(
        f"(?<={_LETTER}|{_MARK})(?={_LETTER})", "\0", chars
    )  # where a line may have been broken
    pattern = re.escape(pattern).replace(re.escape("\0"), f"{_HYPHEN}?")
    before = "" if UNSPACED.match(chars[0]) else f"(?<!{_OF_A_WORD})"
    after = f"(?!{_MARK})" if UNSPACED.match(chars[-1]) else f"(?!{_OF_A_WORD}|{_MARK})"
    return before + pattern + after


def _normalized(text: str) -> list[_Letter]:
    letters = list(_spaced(_folded(text)))
    chars = "".join(letter.char for letter in letters)
    joined: list[_Letter] = []
    at = 0
    for between in _JOINED.finditer(chars):
        joined += letters[at : between.start()]
        at = between.end()
        if between[0][0] == "-":
            start, end = letters[between.start()].start, letters[at - 1].end
            joined.append(_Letter(_HYPHEN, start, end))
    joined += letters[at:]
    return [one._replace(char=" ") if one.char == "\n" else one for one in joined]


def _folded(text: str) -> Iterator[_Letter]:
    """Rules 1 to 3, and a soft hyphen at a line's end is a hyphen."""
    for at, char in enumerate(text):
        shown = "-" if char == _HYPHEN and text[at + 1 : at + 2] in {"\n", "\r"} else char
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
