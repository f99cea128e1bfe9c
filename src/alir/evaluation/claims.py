"""How often the check of support judges a sentence and its citation rightly, and wrongly.

A CSV has the columns sentence, question and is_supported (yes or no): whether the passage that
answers the question, in the CSV of questions, supports the sentence. The sentence cites a text
about as long as a chunk, with that passage in its middle.
"""

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import NodeWithScore, TextNode

from alir.evaluation.dataset import bad_line, read_lines
from alir.evaluation.outcomes import JudgedDocuments, PassageSpan
from alir.steps.ask.cite import Citations
from alir.steps.ask.stream import Claim
from alir.steps.ask.support import MIN_SUPPORT, check

HEAD = ["sentence", "question", "is_supported"]
VERDICTS = {"yes": True, "no": False}
CONTEXT_CHARS = 450
"""On either side of the passage: with it, about the length of a chunk."""


@dataclass(frozen=True, slots=True)
class JudgedClaim:
    """A sentence, the text it cites, and whether the text supports it."""

    sentence: str
    passage: str
    is_supported: bool


@dataclass(frozen=True, slots=True)
class ClaimFigures:
    """How often the check agrees with the judgements; shares are 0 to 1."""

    supported: int
    unsupported: int
    false_marks: float
    """Share of the supported sentences that would be marked."""
    false_passes: float
    """Share of the unsupported sentences that would not."""
    fitted_false_marks: float
    """The same with a threshold chosen on one half and measured on the other, both ways."""
    fitted_false_passes: float
    best_threshold: float
    """On all of them."""


def load_claims(path: Path, judged: JudgedDocuments) -> list[JudgedClaim]:
    """Read the claims, and what each cites: the first passage that answers its question.

    Raises:
        InputError: the file cannot be read, or a line is wrong.
    """
    places = {one.text: one.expected[0] for one in judged.questions if one.expected}
    read = csv.DictReader(read_lines(path))
    if [*(read.fieldnames or ())] != HEAD:
        raise bad_line(path, 1, "the head is wrong", f"Begin with {','.join(HEAD)}.")
    claims = []
    for row in read:
        place = places.get(row["question"])
        if place is None:
            problem = f"no answerable question is {row['question']!r}"
            raise bad_line(path, read.line_num, problem, "Copy one from the questions.")
        if row["is_supported"] not in VERDICTS:
            problem = f"{row['is_supported']!r} is no verdict"
            raise bad_line(path, read.line_num, problem, "Write yes or no.")
        claim = JudgedClaim(row["sentence"], _around(place, judged), VERDICTS[row["is_supported"]])
        claims.append(claim)
    return claims


async def evaluate_claims(
    claims: Sequence[JudgedClaim], *, embedding: BaseEmbedding
) -> ClaimFigures:
    """Score every claim, and compare the verdicts with the judgements."""
    supports = await asyncio.gather(*(_support(one, embedding) for one in claims))
    scored = [(claim.is_supported, score) for claim, score in zip(claims, supports, strict=True)]
    # Claims come in pairs about one question, one of each kind: a pair stays together.
    halves = [scored[i::4] + scored[i + 1 :: 4] for i in (0, 2)]
    fitted = [_errors(halves[1 - i], _best(halves[i])) for i in (0, 1)]
    weights = [len(halves[1 - i]) / len(scored) for i in (0, 1)]
    marks, passes = _errors(scored, MIN_SUPPORT)
    return ClaimFigures(
        supported=sum(is_supported for is_supported, _ in scored),
        unsupported=sum(not is_supported for is_supported, _ in scored),
        false_marks=marks,
        false_passes=passes,
        fitted_false_marks=sum(w * one[0] for w, one in zip(weights, fitted, strict=True)),
        fitted_false_passes=sum(w * one[1] for w, one in zip(weights, fitted, strict=True)),
        best_threshold=_best(scored),
    )


def _around(place: PassageSpan, judged: JudgedDocuments) -> str:
    start = max(place.start - CONTEXT_CHARS, 0)
    return judged.texts[place.file][start : place.end + CONTEXT_CHARS]


async def _support(claim: JudgedClaim, embedding: BaseEmbedding) -> float:
    node = TextNode(id_="cited", text=claim.passage)
    citations = Citations([NodeWithScore(node=node)], {"cited": claim.passage})
    number = citations.cite_number(1, claim.sentence)
    cited = () if number is None else (number,)
    return (await check(Claim(claim.sentence, cited), citations, embedding=embedding)).support


def _errors(scored: Sequence[tuple[bool, float]], threshold: float) -> tuple[float, float]:
    right = [score for is_supported, score in scored if is_supported]
    wrong = [score for is_supported, score in scored if not is_supported]
    marks = sum(score < threshold for score in right) / (len(right) or 1)
    return marks, sum(score >= threshold for score in wrong) / (len(wrong) or 1)


def _best(scored: Sequence[tuple[bool, float]]) -> float:
    return min((step / 100 for step in range(101)), key=lambda step: sum(_errors(scored, step)))
