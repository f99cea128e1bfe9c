"""Write an answer, piece by piece: with the language model, extractively without one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import LLM
from llama_index.core.schema import NodeWithScore

from alir.errors import LanguageModelFailed, ReplyCut
from alir.models.answers import CheckedSentence
from alir.steps.ask.cite import Citations
from alir.steps.ask.synthesize import synthesize_with_llm
from alir.steps.ask.text.inert import InertText

BREAKS_OFF = "The answer breaks off."
"""The end of the sentence that says why."""

Show = Callable[[str | CheckedSentence], None]
"""Shows the next piece of an answer's text, or a sentence of it that was checked."""


Extract = Callable[..., AsyncIterator[str]]
"""Yields the documents' own sentences, each with its number in `citations`, a keyword."""


@dataclass(frozen=True, slots=True)
class SynthesizedAnswer:
    """An answer's text, and how it came about."""

    text: str
    mode: Literal["extractive", "llm"]
    citations: Citations
    degraded: list[str]
    sentences: list[CheckedSentence]
    is_cut: bool = False
    """Whether the model's reply ended before its end."""


async def write(
    question: str,
    passages: Sequence[NodeWithScore],
    texts: Mapping[str, str],
    *,
    extract: Extract,
    llm: LLM | None,
    embedding: BaseEmbedding,
    show: Show,
    within_s: float | None = None,
) -> SynthesizedAnswer:
    """Write with `llm`; extractively without one, or if it fails at once.

    A model that is not ready `within_s` seconds is stopped, and what it has written stays.
    """
    degraded = []
    addresses = [question, *texts.values()]
    if llm is not None:
        citations, shown = Citations(passages, texts), _ShownText(addresses, show)
        pieces = synthesize_with_llm(
            question, passages, citations=citations, llm=llm, embedding=embedding
        )
        try:
            async with asyncio.timeout(within_s):
                await shown.stream(pieces)
        except LanguageModelFailed as error:
            if shown.pieces and isinstance(error, ReplyCut):
                degraded.append(f"{error.told()} {BREAKS_OFF}")
            elif shown.pieces:
                raise
            else:
                degraded.append(f"{error.told()} This answer is extractive.")
        except TimeoutError:
            ending = BREAKS_OFF if shown.pieces else "This answer is extractive."
            degraded.append(f"No time was left for the language model. {ending}")
        else:
            if not shown.text.strip():
                shown.pieces.clear()
                degraded.append("The language model said nothing. This answer is extractive.")
        if shown.pieces:
            degraded += _removals(citations, shown.inert.removed)
            text = shown.text.strip()
            sentences, is_cut = shown.sentences, any(one.endswith(BREAKS_OFF) for one in degraded)
            return SynthesizedAnswer(text, "llm", citations, degraded, sentences, is_cut)
    citations, shown = Citations(passages, texts), _ShownText(addresses, show)
    await shown.stream(extract(citations=citations))
    degraded += _removals(citations, shown.inert.removed)
    return SynthesizedAnswer(shown.text, "extractive", citations, degraded, [])


class _ShownText:
    """Shows an answer's text as it comes, made inert.

    Text comes before what was found of its sentences. Pieces that come in one turn of the event
    loop are shown as one: an event costs more than a token.
    """

    def __init__(self, addresses: Iterable[str], show: Show) -> None:
        self.pieces: list[str] = []
        self.sentences: list[CheckedSentence] = []
        self.inert = InertText(addresses)
        self._show = show
        self._turn: list[str] = []

    @property
    def text(self) -> str:
        """All that was shown."""
        return "".join(self.pieces)

    async def stream(
        self, pieces: AsyncIterator[str | CheckedSentence] | AsyncIterator[str]
    ) -> None:
        """Show the pieces; those that were shown stay in `pieces` if a later one fails."""
        try:
            async for piece in pieces:
                if isinstance(piece, CheckedSentence):
                    self._add(self.inert.settle())
                    self._flush()
                    sentence = replace(piece, text=self.inert.apart(piece.text))
                    self.sentences.append(sentence)
                    self._show(sentence)
                else:
                    self._add(self.inert.feed(piece))
        finally:
            self._add(self.inert.settle())
            self._flush()

    def _add(self, text: str) -> None:
        if text:
            if not self._turn:
                asyncio.get_running_loop().call_soon(self._flush)
            self._turn.append(text)

    def _flush(self) -> None:
        if self._turn:
            self.pieces += self._turn
            self._show("".join(self._turn))
            self._turn.clear()


def _removals(citations: Citations, links: int) -> list[str]:
    return [
        *_removal(citations.removed, "citation", "the sources do not say it"),
        *_removal(links, "link", "it stands in no source"),
    ]


def _removal(count: int, noun: str, why: str) -> list[str]:
    if not count:
        return []
    verb = f"{noun} was" if count == 1 else f"{noun}s were"
    return [f"{count} {verb} removed: {why}."]
