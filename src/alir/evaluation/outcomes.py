"""The outcomes of judged questions, and the figures that sum them up."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alir.documents import formats
from alir.evaluation.dataset import bad_line
from alir.evaluation.questions_csv import COVERED, QuestionRow, rows
from alir.models.answers import Citation, SourcePassage

HITS_AT = 5


@dataclass(frozen=True, slots=True)
class PassageSpan:
    """Characters `start` to `end` of the document `file`."""

    file: str
    """Absolute."""
    start: int
    end: int

    def overlap(self, other: "PassageSpan") -> int:
        """Return how many characters the two share."""
        if self.file != other.file:
            return 0
        return max(min(self.end, other.end) - max(self.start, other.start), 0)


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """A question, and where its answer stands; no place if the documents do not answer it."""

    text: str
    expected: tuple[PassageSpan, ...] = ()

    def is_found_in(self, place: PassageSpan) -> bool:
        """Whether a chunk at `place` holds at least half of an expected passage."""
        return any(place.overlap(one) >= COVERED * (one.end - one.start) for one in self.expected)

    def is_cited_by(self, place: PassageSpan) -> bool:
        """Whether a citation of `place` overlaps an expected passage."""
        return any(place.overlap(one) for one in self.expected)


@dataclass(frozen=True, slots=True)
class JudgedDocuments:
    """The questions, and the texts of their documents by absolute path."""

    questions: Sequence[JudgedQuestion]
    texts: Mapping[str, str]

    def place(self, source: SourcePassage) -> PassageSpan:
        """Return where a passage first stands in its document."""
        start = self.texts.get(source.file, "").find(source.text)
        return PassageSpan(source.file, start, start + len(source.text))

    def holds(self, citation: Citation) -> bool:
        """Whether the quote stands where it says, to the character."""
        text = self.texts.get(citation.file, "")
        return text[citation.start : citation.end] == citation.quote != ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a question, compared with its judgement."""

    question: JudgedQuestion
    found: Sequence[PassageSpan]
    """The passages, best first."""
    cited: Sequence[PassageSpan]
    is_answered: bool


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """How good the answers are; shares are 0 to 1, and 0 if there is nothing to count."""

    answerable: int
    unanswerable: int
    hit_at_5: float
    """Share of the answerable with an expected passage among the first five found."""
    mrr: float
    """Mean of 1 / the rank of the first expected passage, 0 where none was found."""
    false_not_answered: float
    """Share of the answerable that were not answered."""
    false_answered: float
    """Share of the unanswerable that were answered."""
    citations: int
    """In the answers to answerable questions."""
    citation_precision: float
    """Share of these that overlap an expected passage."""
    citation_recall: float
    """Share of the answerable with such a citation."""


def load(questions: Path, *, documents: Path) -> JudgedDocuments:
    """Read the questions, and find their passages in the documents.

    Raises:
        InputError: a file cannot be read, or a line is wrong.
    """
    texts: dict[str, str] = {}
    expected: dict[str, list[PassageSpan]] = {}
    for row in rows(questions):
        places = expected.setdefault(row.question, [])
        if row.is_answerable:
            path = str((documents / row.file).resolve())
            if path not in texts:
                texts[path] = formats.document_text(Path(path))
            places += _find_passage(row, path, texts[path], questions)
    judged = [JudgedQuestion(text, tuple(places)) for text, places in expected.items()]
    return JudgedDocuments(judged, texts)


def figures(outcomes: Sequence[Outcome]) -> AnswerFigures:
    """Sum up the outcomes."""
    answerable = [one for one in outcomes if one.question.expected]
    unanswerable = [one for one in outcomes if not one.question.expected]
    ranks = [_rank(one) for one in answerable]
    right = [[one.question.is_cited_by(place) for place in one.cited] for one in answerable]
    return AnswerFigures(
        answerable=len(answerable),
        unanswerable=len(unanswerable),
        hit_at_5=_share(0 < rank <= HITS_AT for rank in ranks),
        mrr=_share(1 / rank if rank else 0 for rank in ranks),
        false_not_answered=_share(not one.is_answered for one in answerable),
        false_answered=_share(one.is_answered for one in unanswerable),
        citations=sum(map(len, right)),
        citation_precision=_share(is_right for one in right for is_right in one),
        citation_recall=_share(any(one) for one in right),
    )


def _rank(outcome: Outcome) -> int:
    """From 1; 0 if no expected passage was found."""
    ranks = enumerate(outcome.found, start=1)
    return next((rank for rank, place in ranks if outcome.question.is_found_in(place)), 0)


def _share(values: Iterable[float]) -> float:
    counted = list(values)
    return sum(counted) / (len(counted) or 1)


def _find_passage(row: QuestionRow, path: str, text: str, questions: Path) -> list[PassageSpan]:
    """Return every place of a row's passage in `text`; any white space matches any other."""
    words = r"\s+".join(map(re.escape, row.passage.split()))
    places = [PassageSpan(path, *match.span()) for match in re.finditer(words, text)]
    if not places:
        problem = f"{row.file} does not hold: {row.passage}"
        raise bad_line(questions, row.line, problem, "Copy the passage from the file.")
    return places
