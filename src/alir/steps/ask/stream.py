"""Stream: a language model's text as it comes, cut into sentences, its numbers made citations."""

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import dataclass

from llama_index.core.llms import ChatResponse

from alir.steps.ask.cite import Citations
from alir.steps.ask.text.code import outside_code
from alir.steps.ask.text.markers import MARKER, numbers_of
from alir.steps.ask.text.open_sentence import OpenSentence
from alir.steps.ask.text.sentences import content_words

STEP_CHARS = 64
"""Taken at once: not many sentences end in them."""
STEPS_AT_ONCE = 8
"""Then the event loop goes on with others."""
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
        self._sentence = OpenSentence()
        self._given = 0
        """How much of it was given out."""
        self._space: list[str] = []
        """White space behind the last sentence: it belongs to none."""
        self._in_fence = False

    def feed(self, text: str) -> list[str | Claim]:
        """Take the next piece; return what can be shown, and the sentences that ended."""
        return [one for step in steps(text) for one in self._ready(step, final=False) if one]

    def finish(self) -> list[str | Claim]:
        """Return what is left when the text has ended."""
        return [one for one in (*self._ready("", final=True), *self._space) if one]

    def _ready(self, text: str, *, final: bool) -> Iterator[str | Claim]:
        while True:
            yield self._take(text)
            end = self._sentence.end(final=final)
            if not end:
                break
            written = self._sentence.text
            shown, claim = self._cited(written[:end])
            yield shown[self._given :]
            if claim is not None:
                yield claim
            self._sentence, self._given, text = OpenSentence(), 0, written[end:]
        showable = self._sentence.showable()
        if showable > self._given:
            yield self._sentence.text[self._given : showable]
            self._given = showable

    def _take(self, text: str) -> str:
        """Add `text` to the sentence; return the white space before, if the sentence begins."""
        if self._sentence.text:
            self._sentence.text += text
            return ""
        self._sentence.text = text.lstrip()
        self._space.append(text[: len(text) - len(self._sentence.text)])
        if not self._sentence.text:
            return ""
        space = "".join(self._space)
        self._space.clear()
        return space

    def _cited(self, sentence: str) -> tuple[str, Claim | None]:
        # What stands between fences is code, which may go on over many lines.
        pieces = sentence.split("```")
        prose = pieces[self._in_fence :: 2]
        words = MARKER.sub("", "".join(prose)).strip()
        found: dict[int, None] = {}

        def cite(marker: re.Match[str]) -> str:
            cited = [self._citations.cite_number(n, words) for n in numbers_of(marker)]
            numbers = dict.fromkeys(number for number in cited if number is not None)
            found.update(numbers)
            lead = marker[0].partition("[")[0]
            return lead + "".join(f"[{number}]" for number in numbers) if numbers else ""

        pieces[self._in_fence :: 2] = [
            # A number in code is an index.
            "".join(
                one if is_code else MARKER.sub(cite, one) for one, is_code in outside_code(piece)
            )
            for piece in prose
        ]
        self._in_fence ^= len(pieces) % 2 == 0
        claim = Claim(words, tuple(found)) if _claims(words) else None
        return "```".join(pieces), claim


async def received(responses: AsyncIterable[ChatResponse]) -> AsyncIterator[str]:
    """Yield the text of a model's responses, in pieces that are small enough to be taken at once.

    One response may hold a whole reply, and hundreds may have come in one read of the connection:
    the event loop goes on after a few of them.
    """
    taken = 0
    async for response in responses:
        for step in steps(response.delta or ""):
            yield step
            taken += 1
            if taken % STEPS_AT_ONCE == 0:
                await asyncio.sleep(0)


def steps(text: str) -> Iterator[str]:
    """Cut `text` into pieces that are small enough to be taken at once."""
    for start in range(0, len(text), STEP_CHARS):
        yield text[start : start + STEP_CHARS]


def _claims(sentence: str) -> bool:
    if sentence.startswith("#") or sentence.rstrip("*_\"'”’)").endswith(_NO_CLAIM):
        return False
    said = "".join(" " if is_code else one for one, is_code in outside_code(sentence))
    return any(letter.isalpha() for word in content_words(said) for letter in word)
