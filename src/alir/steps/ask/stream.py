"""Stream: a language model's text as it comes, cut into sentences, its numbers made citations."""

import re
from dataclasses import dataclass

from alir.steps.ask.cite import MARKER, Citations
from alir.steps.ask.text.sentences import content_words

_CODE = re.compile(r"(?P<ticks>`+)[^`\n]+(?P=ticks)")
_MARKER_OR_CODE = re.compile(f"{MARKER.pattern}|{_CODE.pattern}")
_UNFINISHED = re.compile(r"\s*(?:\[[\d\s,]{0,400})?\Z")
_STOP = re.compile(r"[.!?。！？][\"'”’)]*|\n")
_NUMBERS = r"\[\d{1,3}(?:\s*,\s*\d{1,3})*\]"
_TRAILING = re.compile(rf"(?:[ \t]*{_NUMBERS})*")
_LINES_OF_NUMBERS = re.compile(
    rf"(?:[ \t]*\n\s*{_NUMBERS}(?:[ \t]*{_NUMBERS})*(?=[ \t]*(?:\n|\Z)))*"
)
_MAY_GO_ON = re.compile(rf"[\"'”’)]*\s*(?:{_NUMBERS}\s*)*(?:\[[\d\s,]{{0,400}})?\Z")
_LAST_WORD = re.compile(r"[^\s(\"'“‘]*\Z")
_ABBREVIATIONS = frozenset(
    re.findall(r"\w+", "al approx co corp dept dr fig inc jr ltd messrs mr mrs ms prof sr st vs")
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_NO_CLAIM = (":", "?", "：", "？")


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of a language model that claims something, and what it cites."""

    text: str
    """Without its source numbers."""
    citations: tuple[int, ...]
    """Those that hold, from 1."""


class CitedText:
    """The text of a language model as it streams, its source numbers turned into citations.

    Text passes through as it comes; a marker such as [2] waits until its sentence has ended, and
    is checked against the whole sentence. The sentence's `Claim` follows it. How the text is cut
    into pieces makes no difference.

    Code, headings, questions and what leads to a list (it ends with a colon) claim nothing.
    """

    def __init__(self, citations: Citations) -> None:
        self._citations = citations
        self._held = ""
        """The present sentence, from its beginning."""
        self._given = 0
        """How much of it was given out."""
        self._in_code = False

    def feed(self, text: str) -> list[str | Claim]:
        """Take the next piece; return what can be shown, and the sentences that ended."""
        self._held += text
        return self._ready(final=False)

    def finish(self) -> list[str | Claim]:
        """Return what is left when the text has ended."""
        return self._ready(final=True)

    def _ready(self, *, final: bool) -> list[str | Claim]:
        ready: list[str | Claim] = []
        while True:
            if not self._given:
                ready.append(self._space(final=final))
            end = _sentence_end(self._held, final=final)
            if not end:
                break
            sentence, self._held = self._held[:end], self._held[end:]
            shown, claim = self._cited(sentence)
            ready += [shown[self._given :], *([] if claim is None else [claim])]
            self._given = 0
        safe = _safe(self._held)
        if safe > self._given:
            ready.append(self._held[self._given : safe])
            self._given = safe
        return [piece for piece in ready if piece]

    def _space(self, *, final: bool) -> str:
        """Take the white space between two sentences: it belongs to neither."""
        text = self._held.lstrip()
        if not text and not final:
            return ""
        space = self._held[: len(self._held) - len(text)]
        self._held = text
        return space

    def _cited(self, sentence: str) -> tuple[str, Claim | None]:
        # What stands between fences is code, which may go on over many lines.
        pieces = sentence.split("```")
        prose = pieces[self._in_code :: 2]
        words = MARKER.sub("", "".join(prose)).strip()
        found: dict[int, None] = {}

        def cite(marker: re.Match[str]) -> str:
            if marker[1] is None:  # an index in code
                return marker[0]
            cited = [self._citations.cite_number(int(n), words) for n in marker[1].split(",")]
            numbers = dict.fromkeys(number for number in cited if number is not None)
            found.update(numbers)
            lead = marker[0].partition("[")[0]
            return lead + "".join(f"[{number}]" for number in numbers) if numbers else ""

        pieces[self._in_code :: 2] = [_MARKER_OR_CODE.sub(cite, one) for one in prose]
        self._in_code ^= len(pieces) % 2 == 0
        claim = Claim(words, tuple(found)) if _claims(words) else None
        return "```".join(pieces), claim


def _claims(sentence: str) -> bool:
    if sentence.startswith("#") or sentence.rstrip("*_\"'”’)").endswith(_NO_CLAIM):
        return False
    words = content_words(_CODE.sub(" ", sentence))
    return any(letter.isalpha() for word in words for letter in word)


def _safe(text: str) -> int:
    """How much of an unfinished sentence can be shown: up to a number, or to code not closed.

    White space waits, too: behind the sentence's end it is not its own.
    """
    waiting = MARKER.search(text) or _UNFINISHED.search(text)
    safe = len(text[: waiting.start()].rstrip()) if waiting else len(text)
    line = text.rfind("\n") + 1
    opened = _CODE.sub(lambda code: " " * len(code[0]), text[line:]).find("`")
    return safe if opened < 0 else min(safe, line + opened)


def _sentence_end(text: str, *, final: bool) -> int:
    """Where the first sentence of `text` ends, markers behind it or on the next line included.

    0 while that is not known: a further marker, or the rest of a number, may follow.
    """
    for stop in _STOP.finditer(text):
        is_line = stop[0] == "\n"
        code = not is_line and _in_code(text, stop.start())
        if code is None and not final:
            return 0
        if code:
            continue
        end = _behind(_LINES_OF_NUMBERS, text, stop.start()) if is_line else stop.end()
        if not is_line:
            end = _behind(_LINES_OF_NUMBERS, text, _behind(_TRAILING, text, end))
        if not final and _MAY_GO_ON.match(text, end):
            return 0
        if is_line or end > stop.end() or stop[0][0] in "。！？" or _ends(text, stop):
            return end
    return len(text.rstrip()) if final else 0


def _behind(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _ends(text: str, stop: re.Match[str]) -> bool:
    """Whether a stop of this kind, white space behind it, ends the sentence."""
    follows = text[stop.end() :]
    if not follows.strip():
        return True
    if not follows[0].isspace():
        return False
    if "\n" in follows[: len(follows) - len(follows.lstrip())]:
        return True
    if follows.lstrip()[0].islower():
        return False
    return stop[0] != "." or not _abbreviates(text[: stop.start()])


def _abbreviates(text: str) -> bool:
    """Whether the last word is an abbreviation, an initial, or the number of a list's item."""
    found = _LAST_WORD.search(text)
    word = found[0] if found else ""
    is_item = word.isdecimal() and not text[: -len(word)].rpartition("\n")[2].strip("*_ \t")
    return is_item or word.casefold() in _ABBREVIATIONS or bool(_INITIALS.fullmatch(word))


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
