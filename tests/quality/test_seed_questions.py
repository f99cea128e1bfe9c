"""The questions about the seed files: each passage stands in its file, and there are enough."""

import csv
from collections import defaultdict
from functools import cache
from pathlib import Path

from alir.documents import formats
from tests.shared_data import SEED, needs_seed

pytestmark = needs_seed


def rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@cache
def words(file: str) -> str:
    return " ".join(formats.document_text(SEED / file).split())


def test_every_passage_stands_in_its_file() -> None:
    answerable = [row for row in rows("seed.csv") if row["file"]]

    strayed = [row["passage"] for row in answerable if row["passage"] not in words(row["file"])]

    assert strayed == []


def test_there_are_sixty_questions_with_an_answer_and_twenty_without_none_twice() -> None:
    files: dict[str, set[str]] = defaultdict(set)
    for row in rows("seed.csv"):
        assert bool(row["file"]) == bool(row["passage"])
        files[row["question"]].add(row["file"])

    kinds = [min(found) for found in files.values()]
    assert all(len(found) == 1 for found in files.values()), "answerable and not"
    assert kinds.count("") >= 20
    assert kinds.count("paul_graham_essay.txt") >= 30
    assert kinds.count("uber_2021.pdf") >= 30
    pairs = [(row["question"].casefold(), row["passage"]) for row in rows("seed.csv")]
    assert len(set(pairs)) == len(pairs)


def test_the_passages_come_from_all_over_the_report() -> None:
    text = words("uber_2021.pdf")
    places = [
        text.index(row["passage"]) / len(text)
        for row in rows("seed.csv")
        if row["file"] == "uber_2021.pdf"
    ]

    thirds = [sum(low <= place < low + 0.2 for place in places) for low in (0.0, 0.2, 0.4)]
    assert all(thirds)


def test_each_claim_about_a_question_is_made_once_rightly_and_once_wrongly() -> None:
    known = {row["question"] for row in rows("seed.csv") if row["file"]}
    claims: dict[str, list[str]] = defaultdict(list)
    for row in rows("support.csv"):
        claims[row["question"]].append(row["is_supported"])

    assert claims.keys() <= known
    assert len(claims) >= 40
    assert all(sorted(kinds) == ["no", "yes"] for kinds in claims.values())
