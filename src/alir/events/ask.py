"""The events of `AskCorpus`."""

from dataclasses import asdict
from typing import Any, Literal

from llama_index.core.vector_stores.types import MetadataFilters
from pydantic import Field
from workflows.events import StartEvent, StopEvent

from alir.events.base import Seconds, StrictEvent, rounded
from alir.models.answers import CheckedSentence, Citation, SourcePassage


class Ask(StrictEvent, StartEvent):
    """Answer a question from the indexed documents."""

    question: str
    top_k: int | None = None
    """Passages to answer from; None is the setting's."""
    filters: MetadataFilters | None = None
    """The passages that may be used; `alir.below` makes filters of files and folders."""


class Sources(StrictEvent):
    """Streamed: the passages the answer will be made from, best first."""

    sources: list[SourcePassage]


class Token(StrictEvent):
    """Streamed: the next piece of the answer's text, its citations verified."""

    text: str


class SentenceChecked(StrictEvent):
    """Streamed behind a language model's sentence: whether what it cites supports it."""

    sentence: CheckedSentence


def streamed(piece: str | CheckedSentence) -> Token | SentenceChecked:
    """Return the event that streams a piece of an answer."""
    return Token(text=piece) if isinstance(piece, str) else SentenceChecked(sentence=piece)


class Answer(StrictEvent, StopEvent):
    """An answer, and the verified quotes it rests on: `[n]` in the text is `citations[n - 1]`."""

    text: str
    mode: Literal["extractive", "llm"]
    """Whether a language model wrote the text, or it is sentences of the documents, verbatim."""
    citations: list[Citation]
    sources: list[SourcePassage]
    """Best first."""
    degraded: list[str]
    """What did not work as it should, one sentence each."""
    removed_citations: int = 0
    """Citations the language model made that did not hold."""
    sentences: list[CheckedSentence] = Field(default_factory=list)
    """What a language model claimed, in order; an unsupported one is marked in the text."""
    is_cut: bool = False
    """Whether the language model's reply ended before its end; `degraded` says why."""
    seconds: Seconds

    @property
    def unsupported(self) -> list[str]:
        """The sentences that cite nothing, or nothing that supports them."""
        return [sentence.text for sentence in self.sentences if not sentence.is_supported]

    def to_json(self) -> dict[str, Any]:
        """Return the answer as `alir ask --json` prints it."""
        return {
            "text": self.text,
            "mode": self.mode,
            "citations": [asdict(citation) for citation in self.citations],
            "sources": [asdict(source) for source in self.sources],
            "sentences": [asdict(sentence) for sentence in self.sentences],
            "degraded": self.degraded,
            "seconds": rounded(self.seconds),
        }
