"""The sentence that a streamed text is in: where it ends, and what of it can be shown before."""

import re

from alir.steps.ask.text.markers import MARKER, NUMBERS, UNFINISHED

LONG_CHARS = 1_500
"""A sentence that is longer ends at the next white space: it is a table, or no language."""
MAX_CHARS = 2_000
"""Where it ends if there is no white space either."""
REACH_CHARS = 500
"""How far behind a stop the source numbers of its sentence are looked for."""

_STOP = re.compile(r"`+|[.!?。！？][\"'”’)]*|\n")
_STOP_OF_A_LONG_ONE = re.compile(r"`+|[.!?。！？][\"'”’)]*|\s")
_TRAILING = re.compile(rf"(?:[ \t]*{NUMBERS})*")
_LINES_OF_NUMBERS = re.compile(rf"(?:[ \t]*\n\s*{NUMBERS}(?:[ \t]*{NUMBERS})*(?=[ \t]*(?:\n|\Z)))*")
_MAY_GO_ON = re.compile(rf"[\"'”’)]*\s*(?:{NUMBERS}\s*)*(?:\[[\d\s,]*)?\Z")
_BEFORE_A_WORD = re.compile(r"[\s(\"'“‘]")
_ABBREVIATIONS = frozenset(
    re.findall(r"\w+", "al approx co corp dept dr fig inc jr ltd messrs mr mrs ms prof sr st vs")
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_MAX_WORD_CHARS = 100
"""What is longer is no abbreviation."""


class OpenSentence:
    """A sentence that is being written, from its first letter; `text` goes on behind its end.

    What was found of a character stays found: each is looked at a bounded number of times, however
    it comes. How the text is cut into pieces makes no difference.
    """

    def __init__(self) -> None:
        self.text = ""
        self._at = 0
        """No stop before it ends the sentence, but for the one in doubt."""
        self._ticks = 0
        """Backticks that no others on the line have closed yet."""
        self._in_doubt: int | None = None
        """The first stop behind them, which is one only if they are not closed."""
        self._unmarked = 0
        """No source number begins before it."""
        self._is_marked = False
        """Whether one begins there."""

    def end(self, *, final: bool) -> int:
        """Where it ends, source numbers behind it or on the next lines included.

        0 while that is not known: a further number, or the rest of a decimal, may follow.
        """
        while True:
            stop = self._next_stop()
            if stop is None:
                is_too_long = len(self.text) > MAX_CHARS
                if not final and not is_too_long:
                    return 0
                if not self._found_unclosed():
                    return self._cut() if is_too_long else len(self.text.rstrip())
            elif stop.end() == len(self.text) and not final:
                return 0
            elif stop[0][0] == "`":
                self._close(len(stop[0]))
                self._at = stop.end()
            elif self._ticks and not stop[0].isspace():
                if self._in_doubt is None:
                    self._in_doubt = stop.start()
                self._at = stop.end()
            elif not self._found_unclosed():
                end = self._judged(stop, final=final)
                if end is None:
                    return 0
                if end:
                    return end
                self._at = stop.end()

    def showable(self) -> int:
        """How much of it can be shown though it goes on: up to a number, or a stop in doubt.

        White space waits, too: behind the sentence's end it is not its own.
        """
        if not self._is_marked:
            marker = MARKER.search(self.text, self._unmarked)
            waiting = marker or UNFINISHED.search(self.text, self._unmarked)
            self._unmarked = waiting.start() if waiting else len(self.text)
            self._is_marked = marker is not None
        end = self._unmarked if self._in_doubt is None else min(self._unmarked, self._in_doubt)
        return len(self.text[:end].rstrip())

    def _next_stop(self) -> re.Match[str] | None:
        """Find the next stop or backticks; `_at` is there then, or behind all that was searched."""
        for pattern, limit in ((_STOP, LONG_CHARS), (_STOP_OF_A_LONG_ONE, MAX_CHARS)):
            if self._at < limit:
                stop = pattern.search(self.text, self._at, limit)
                self._at = stop.start() if stop else min(limit, len(self.text))
                if stop or self._at < limit:
                    return stop
        return None

    def _close(self, ticks: int) -> None:
        """Take backticks: they close as many of those before, and the rest of them opens."""
        if self._ticks:
            self._in_doubt = None
        self._ticks = ticks - min(self._ticks, ticks)

    def _found_unclosed(self) -> bool:
        """Whether there was a stop in doubt; the line ends, so it is one and comes next."""
        self._ticks = 0
        if self._in_doubt is None:
            return False
        self._at, self._in_doubt = self._in_doubt, None
        return True

    def _judged(self, stop: re.Match[str], *, final: bool) -> int | None:
        """Where the sentence ends if it ends at `stop`; 0 if it goes on, None if not known yet."""
        text, reach = self.text, stop.end() + REACH_CHARS
        is_space, is_line = stop[0].isspace(), stop[0] == "\n"
        before = max(stop.start() - REACH_CHARS, 0)
        if is_space and not is_line and UNFINISHED.search(text, before, stop.start()):
            return 0
        if is_line:
            end = _behind(_LINES_OF_NUMBERS, text, stop.start(), reach)
        elif is_space:
            end = _behind(_TRAILING, text, stop.start(), reach)
        else:
            numbers = _behind(_TRAILING, text, stop.end(), reach)
            end = _behind(_LINES_OF_NUMBERS, text, numbers, reach)
        if not final and len(text) < reach and _MAY_GO_ON.match(text, end):
            return None
        is_end = is_space or end > stop.end() or stop[0][0] in "。！？" or _ends(text, stop, reach)
        return end if is_end else 0

    def _cut(self) -> int:
        """Where a text without an end or white space is cut: not inside of a source number."""
        unfinished = UNFINISHED.search(self.text, MAX_CHARS - REACH_CHARS, MAX_CHARS)
        return unfinished.start() if unfinished else MAX_CHARS


def _behind(pattern: re.Pattern[str], text: str, position: int, reach: int) -> int:
    match = pattern.match(text, position, reach)
    return match.end() if match else position


def _ends(text: str, stop: re.Match[str], reach: int) -> bool:
    """Whether a stop of this kind, white space behind it, ends the sentence."""
    follows = text[stop.end() : reach]
    following = follows.lstrip()
    if not following:
        return True
    if not follows[0].isspace():
        return False
    if "\n" in follows[: len(follows) - len(following)]:
        return True
    if following[0].islower():
        return False
    return stop[0] != "." or not _abbreviates(text[: stop.start()])


def _abbreviates(text: str) -> bool:
    """Whether the last word is an abbreviation, an initial, or the number of a list's item."""
    word = _BEFORE_A_WORD.split(text[-_MAX_WORD_CHARS:])[-1]
    is_item = word.isdecimal() and not text[: -len(word)].rpartition("\n")[2].strip("*_ \t")
    return is_item or word.casefold() in _ABBREVIATIONS or bool(_INITIALS.fullmatch(word))
