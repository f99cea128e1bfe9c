"""Sentences: where they stand in a text, and which words carry their meaning."""

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import pairwise
from unicodedata import category, normalize

from llama_index.core.utils import globals_helper
from nltk.stem import SnowballStemmer
from nltk.tokenize import PunktTokenizer

from alir.models.answers import Span

MAX_SENTENCE_CHARS = 400
"""What is longer is a table or a list, and is cut at its lines."""
MAX_LINE_CHARS = 2_000
"""A longer line without an end is cut between its words, and a longer word anywhere."""
_MAX_STEMMED_CHARS = 100
"""A longer word is none of English."""

_PARAGRAPH_BREAK = re.compile(r"((?:\n[ \t]*){2,})")
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""A letter of a script that is written without spaces."""
MARKS = "".join(one for one in map(chr, range(0x300, 0x3100)) if category(one).startswith("M"))
"""Accents and vowel signs, which belong to the letter before them."""
# No abbreviation ends with these, and no space need follow them.
_ENDED = re.compile(
    r"""(?<=[。！？｡؟।۔။។])(?![。！？｡؟।۔။។"'”’」』）】》〉])|(?<=[。！？｡][”’」』）】》〉])"""
)
_WORD_END = re.compile(rf"\S{{1,{MAX_SENTENCE_CHARS}}}\s*|\s+")
_WORD = re.compile(rf"\d[\d.,]*\d|[\w{MARKS}]+")
# To compose a letter takes as many steps as the square of its marks; Unicode's stream-safe text
# has 30 of them at most.
_MANY_MARKS = re.compile(r"[^\w\s!-~]{31}")
_FEW_MARKS = re.compile(r"[\w\s!-~]+[^\w\s!-~]{0,30}|[^\w\s!-~]{1,30}")
# Function words of English; a word of another language is never lost, only these.
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about after all also am an and any are as at be because been before being both but by "
        "can could did do does doing down during each few for from further had has have having he "
        "her here hers him his how i if in into is it its itself just like many may me might more "
        "most much my no nor not of off on once only or other our out over own same she should so "
        "some such than that the their them then there these they this those through to too under "
        "until up us very was we were what when where which while who whom whose why will with "
        "would you your tell say says said s t",
    )
)


def sentences(text: str) -> Iterator[Span]:
    """Yield the spans of the sentences of `text`, in order, without surrounding white space.

    A blank line ends a sentence too: a heading is not the beginning of what follows it.
    """
    position = 0
    for paragraph in _PARAGRAPH_BREAK.split(text):
        for start, end in _ends(paragraph):
            is_sentence = end - start <= MAX_SENTENCE_CHARS
            cut = _stripped if is_sentence else _lines
            yield from cut(text, position + start, position + end)
        position += len(paragraph)


def sentences_of(texts: Iterable[str]) -> list[list[Span]]:
    """Return the sentences of each of `texts`."""
    return [[*sentences(text)] for text in texts]


def content_words(text: str) -> set[str]:
    """Return the words of `text` that carry its meaning, lower case, cut to their stems.

    Of scripts that are written without spaces (Chinese, Japanese, Thai) the pairs of letters.
    """
    words: set[str] = set()
    for word in _WORD.findall(_composed(text.casefold())):
        if UNSPACED.search(word):
            words.update(word[i : i + 2] for i in range(max(len(word) - 1, 1)))
        elif word not in _FUNCTION_WORDS:
            words.add(_stem(word) if len(word) <= _MAX_STEMMED_CHARS else word)
    return words


def content_words_of(texts: Iterable[str]) -> list[set[str]]:
    """Return the content words of each of `texts`."""
    return [content_words(text) for text in texts]


def _composed(text: str) -> str:
    if text.isascii():
        return text
    pieces = _FEW_MARKS.findall(text) if _MANY_MARKS.search(text) else [text]
    return "".join(normalize("NFC", piece) for piece in pieces)


@cache
def _splitter() -> PunktTokenizer:
    # LlamaIndex's own sentence splitter uses an untrained one, which knows no abbreviation.
    globals_helper.wait_for_nltk_check()
    return PunktTokenizer("english")


@lru_cache(50_000)
def _stem(word: str) -> str:
    return str(_stemmer().stem(word))


@cache
def _stemmer() -> SnowballStemmer:
    # What English rules do to a word of another language, they do to it everywhere.
    return SnowballStemmer("english")


def _ends(paragraph: str) -> Iterator[tuple[int, int]]:
    for start, end in _splitter().span_tokenize(paragraph):
        cuts = [match.start() for match in _ENDED.finditer(paragraph, start, end)]
        yield from pairwise(sorted({start, *cuts, end}))


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    """Group lines up to the limit, so that a table's row keeps its neighbours."""
    group = start
    position = start
    for line in _pieces(text[start:end]):
        if position + len(line) - group > MAX_SENTENCE_CHARS and position > group:
            yield from _stripped(text, group, position)
            group = position
        position += len(line)
    yield from _stripped(text, group, end)


def _pieces(text: str) -> Iterator[str]:
    """Yield the lines; a long one without spaces between words has them between sentences."""
    for line in text.splitlines(keepends=True):
        is_long = len(line) > MAX_SENTENCE_CHARS
        if is_long and (len(line) > MAX_LINE_CHARS or UNSPACED.search(line)):
            yield from _WORD_END.findall(line)
        else:
            yield line


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    inner = text[start:end]
    left = start + len(inner) - len(inner.lstrip())
    right = start + len(inner.rstrip())
    if right > left:
        yield Span(left, right)
