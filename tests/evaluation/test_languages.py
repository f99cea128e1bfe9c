"""Thirteen languages, three of them for machines: which words are found, and is each quote exact?

    python -m tests.evaluation.test_languages

prints the table of docs/quality.md: for each language, of how many of eight words the sentence that
has it is one of the first three found, among the 104 sentences of all languages.
"""

import asyncio
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest

from alir import Alir, Ask, Settings
from alir.events.ask import Answer
from alir.events.search import Passages, Search
from alir.models.answers import Fusion
from alir.models.path_filters import below

LANGUAGES = tomllib.loads(
    (Path(__file__).parents[1] / "quality" / "languages.toml").read_text("utf-8")
)
UNSPACED = {"Chinese", "Japanese", "Thai"}
CODE = {"Python", "C", "JavaScript"}
WAYS = {
    "words": Fusion(keyword_weight=1),
    "meaning": Fusion(keyword_weight=0),
    "both": Fusion(),
}
Found = dict[str, Counter[str]]
"""By way, of how many words of each language the sentence is found."""


def write_sentences(folder: Path) -> None:
    """Write each sentence as a file, and each language's as one."""
    for language, held in LANGUAGES.items():
        (folder / "whole").mkdir(parents=True, exist_ok=True)
        (folder / language).mkdir()
        for number, sentence in enumerate(held["sentences"]):
            (folder / language / f"{number}.txt").write_text(sentence, encoding="utf-8")
        between = "" if language in UNSPACED else "\n" if language in CODE else " "
        joined = between.join(held["sentences"])
        (folder / "whole" / f"{language}.txt").write_text(joined, encoding="utf-8")


async def count_found(app: Alir, folder: Path, ways: Iterable[str]) -> Found:
    found: Found = {way: Counter() for way in ways}
    filters = below([folder / language for language in LANGUAGES])

    async def count(way: str, language: str, word: str) -> None:
        sentences = LANGUAGES[language]["sentences"]
        [number] = [n for n, one in enumerate(sentences) if is_in(word, one)]
        search = Search(question=word, top_k=3, fusion=WAYS[way], filters=filters)
        passages = cast("Passages", await app.search.run(start_event=search)).passages
        files = [passage.node.metadata["file_path"] for passage in passages]
        found[way][language] += str(folder / language / f"{number}.txt") in files

    for way in found:
        for language, held in LANGUAGES.items():
            await asyncio.gather(*(count(way, language, word) for word in held["words"]))
    return found


def is_in(word: str, sentence: str) -> bool:
    return word.casefold() in sentence.casefold()


async def measured(
    folder: Path, analyzer: str, ways: Iterable[str] = ("words",)
) -> tuple[Found, dict[str, Answer]]:
    """Return what is found, and what each language's second sentence is answered with."""
    file = folder.parent / f"{analyzer}.db"
    settings = Settings.load(milvus_uri=str(file), analyzer=analyzer, llm_api_key=None)
    async with Alir(settings) as app:
        await app.ingest.run(paths=[folder])
        found = await count_found(app, folder, ways)
        answers = {}
        for language in LANGUAGES:
            filters = below([folder / "whole" / f"{language}.txt"])
            ask = Ask(question=wanted(language), filters=filters)
            answers[language] = cast("Answer", await app.ask.run(start_event=ask))
        return found, answers


def wanted(language: str) -> str:
    return str(LANGUAGES[language]["sentences"][1].strip())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model_loaded_once: None) -> Path:
    folder = tmp_path_factory.mktemp("languages").resolve() / "texts"
    write_sentences(folder)
    return folder


@pytest.fixture(scope="module")
def jieba(folder: Path) -> Found:
    return asyncio.run(measured(folder, "jieba"))[0]


@pytest.fixture(scope="module")
def in_english(folder: Path) -> tuple[Found, dict[str, Answer]]:
    return asyncio.run(measured(folder, "english"))


@pytest.fixture(scope="module")
def english(in_english: tuple[Found, dict[str, Answer]]) -> Found:
    return in_english[0]


def test_jieba_finds_the_words_of_every_language(jieba: Found) -> None:
    assert {name for name in LANGUAGES if jieba["words"][name] < 8} <= {"Arabic", "Thai"}
    assert min(jieba["words"][name] for name in LANGUAGES) >= 6


def test_english_finds_the_words_of_what_is_written_with_spaces(english: Found) -> None:
    spaced = LANGUAGES.keys() - UNSPACED - {"Korean"}
    assert {name: english["words"][name] for name in spaced} == dict.fromkeys(spaced, 8)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_quote_of_any_language_stands_in_its_file(
    folder: Path, in_english: tuple[Found, dict[str, Answer]], language: str
) -> None:
    answer = in_english[1][language]

    assert answer.citations
    text = (folder / "whole" / f"{language}.txt").read_text(encoding="utf-8")
    for citation in answer.citations:
        assert text[citation.start : citation.end] == citation.quote
    # Thai has no mark at a sentence's end, and lines of code are one: the quote has more.
    assert any(wanted(language) in citation.quote for citation in answer.citations)


async def table() -> None:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve() / "texts"
        write_sentences(folder)
        by = {name: (await measured(folder, name, WAYS))[0] for name in ("english", "jieba")}
    print("| | words: english | jieba | meaning | both: english | jieba |")
    print("|---|---|---|---|---|---|")
    for name in LANGUAGES:
        cells = [
            by["english"]["words"][name],
            by["jieba"]["words"][name],
            by["english"]["meaning"][name],
            by["english"]["both"][name],
            by["jieba"]["both"][name],
        ]
        print(f"| {name} | {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    asyncio.run(table())
