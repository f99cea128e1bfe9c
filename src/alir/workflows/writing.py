"""Write an answer and stream it: with the language model, extractively without one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import LLM
from llama_index.core.schema import NodeWithScore
from workflows import Context

from alir.errors import LanguageModelFailed
from alir.events.ask import SentenceChecked, Token
from alir.models.answers import CheckedSentence
from alir.steps.ask.cite import Citations
from alir.steps.ask.inert import InertText, inert
from alir.steps.ask.synthesize import synthesize_with_llm

Extracted = Callable[[Citations], AsyncIterator[str]]
"""The documents' own sentences, piece by piece, cited."""


@dataclass(frozen=True, slots=True)
class SynthesizedAnswer:
    """An answer's text, and how it came about."""

    text: str
    mode: Literal["extractive", "llm"]
    citations: Citations
    degraded: list[str]
    sentences: list[CheckedSentence]


async def write(
    ctx: Context[Any],
    question: str,
    passages: Sequence[NodeWithScore],
    texts: Mapping[str, str],
    *,
    extracted: Extracted,
    llm: LLM | None,
    embedding: BaseEmbedding,
    within_s: float | None = None,
) -> SynthesizedAnswer:
    """Write with `llm`; extractively without one, or if it fails at once.

    A model that is not ready `within_s` seconds is stopped, and what it has written stays.
    """
    degraded = []
    addresses = [question, *texts.values()]
    if llm is not None:
        citations, told = Citations(passages, texts), InertText(addresses)
        shown: list[str] = []
        sentences: list[CheckedSentence] = []
        pieces = synthesize_with_llm(
            question, passages, citations=citations, llm=llm, embedding=embedding
        )
        try:
            async with asyncio.timeout(within_s):
                await _stream(ctx, pieces, told, shown, sentences)
        except LanguageModelFailed as error:
            if shown:
                raise
            degraded.append(f"{error} This answer is extractive.")
        except TimeoutError:
            ending = "The answer breaks off." if shown else "This answer is extractive."
            degraded.append(f"No time was left for the language model. {ending}")
        else:
            if not "".join(shown).strip():
                shown = []
                degraded.append("The language model said nothing. This answer is extractive.")
        if shown:
            text = "".join(shown).strip()
            degraded += _removals(citations, told)
            return SynthesizedAnswer(text, "llm", citations, degraded, sentences)
    citations, told = Citations(passages, texts), InertText(addresses)
    shown = []
    await _stream(ctx, extracted(citations), told, shown, [])
    degraded += _removals(citations, told)
    return SynthesizedAnswer("".join(shown), "extractive", citations, degraded, [])


async def _stream(
    ctx: Context[Any],
    pieces: AsyncIterator[str | CheckedSentence] | AsyncIterator[str],
    told: InertText,
    shown: list[str],
    sentences: list[CheckedSentence],
) -> None:
    """Stream the pieces, and put them into `shown`, where they stay if a later one fails.

    Text is made inert, and comes before what was found of its sentences. Pieces that come in one
    turn of the event loop are one event: it costs more than a token.
    """
    turn: list[str] = []

    def write() -> None:
        if turn:
            ctx.write_event_to_stream(Token(text="".join(turn)))
            shown.extend(turn)
            turn.clear()

    def say(text: str) -> None:
        if text:
            if not turn:
                asyncio.get_running_loop().call_soon(write)
            turn.append(text)

    try:
        async for piece in pieces:
            if isinstance(piece, CheckedSentence):
                say(told.settle())
                write()
                sentence = replace(piece, text=inert(piece.text, told.sources))
                sentences.append(sentence)
                ctx.write_event_to_stream(SentenceChecked(sentence=sentence))
            else:
                say(told.feed(piece))
    finally:
        say(told.settle())
        write()


def _removals(citations: Citations, told: InertText) -> list[str]:
    return [
        *_removal(citations.removed, "citation", "the sources do not say it"),
        *_removal(told.removed, "link", "it stands in no source"),
    ]


def _removal(count: int, noun: str, why: str) -> list[str]:
    if not count:
        return []
    verb = f"{noun} was" if count == 1 else f"{noun}s were"
    return [f"{count} {verb} removed: {why}."]
