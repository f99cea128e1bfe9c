"""A text twice as long takes twice as long, not four times, whatever it is and however it comes."""

import re
from collections.abc import Callable, Iterator, Sequence
from time import thread_time

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from llama_index.core.schema import NodeWithScore, TextNode

from alir.steps.agent.decompose import decompose, topic
from alir.steps.ask.cite import Citations
from alir.steps.ask.stream import CitedText
from alir.steps.ask.text.fence import harmless
from alir.steps.ask.text.inert import InertText, inert
from alir.steps.ask.text.normalize import find
from alir.steps.ask.text.sentences import content_words, sentences
from alir.steps.ingest.place import place

LETTERS = 6_000
MOST = 3.0
"""Times as long: it is 2 if the work is linear, and 4 if it is quadratic."""
NOISE_S = 0.004
TRIES = 5
UNITS = [
    *(
        "a",
        "A",
        "word ",
        "a.",
        ".",
        ". ",
        "e.g. ",
        "i.e., ",
        "Mr. ",
        "A. ",
        "1. ",
        "!?",
        "。",
        "...",
    ),
    *(
        "3.5 ",
        "1,",
        "9",
        "`",
        "``",
        "```\n",
        "`a` ",
        "[",
        "]",
        "[1]",
        "[1] ",
        "[1, ",
        "[a]",
        "](",
        "]:",
    ),
    *(
        '"',
        "“",
        "”",
        "„",
        "«",
        "'",
        '"a b c" ',
        "*",
        "**",
        "_",
        "#",
        "|",
        "-",
        "- ",
        "-\n",
        ">",
        "\n>",
    ),
    *(
        "\n",
        "\n\n",
        " ",
        "\t",
        "\u00a0",
        "\u200b",
        "\u00ad",
        "\u2060",
        "\ufeff",
        "\u0301",
        "\u0316\u0301",
    ),
    *(
        "é",
        "e\u0301",
        "字",
        "ที่",
        "हिन्दी",
        "ﬁ",
        "😀",
        "👩‍👧",
        "\ud800",
        "\udc00",
        "\x00",
        "\U000e0041",
    ),
    *(
        "<",
        "< ",
        "</",
        "<a>",
        "passage",
        "http://",
        "www.",
        "//",
        "//a",
        "/",
        "h",
        ":",
        "@",
        "and who ",
    ),
]
PASSAGE = "Birds fly south in winter. Fish swim deep."


@st.composite
def nasty(draw: st.DrawFn) -> Callable[[int], str]:
    """Draw a text of any length: a few units again and again, and others in its second half."""
    first = "".join(draw(st.lists(st.sampled_from(UNITS), min_size=1, max_size=4)))
    second = "".join(draw(st.lists(st.sampled_from(UNITS), max_size=3))) or first
    end = draw(st.sampled_from(["", "x", "é", "\n"]))

    def text(length: int) -> str:
        half = length // 2
        return (first * half)[:half] + (second * half)[:half] + end

    return text


def cited() -> CitedText:
    node = TextNode(id_="birds", text=PASSAGE, metadata={"file_path": "/docs/birds.txt"})
    return CitedText(Citations([NodeWithScore(node=node, score=0.5)], {"birds": PASSAGE}))


def streamed(text: str) -> None:
    reply = cited()
    for letter in text:
        reply.feed(letter)
    reply.finish()


def at_once(text: str) -> None:
    reply = cited()
    reply.feed(text)
    reply.finish()


def streamed_inert(text: str) -> None:
    shown = InertText([PASSAGE])
    for letter in text:
        shown.feed(letter)
    shown.settle()


def cited_from(text: str) -> None:
    node = TextNode(id_="birds", text=text)
    made = Citations([NodeWithScore(node=node, score=0.5)], {"birds": text})
    made.cite_number(1, "Birds fly south.")
    made.cite_number(1, 'They say "birds fly south".')


def quoted(text: str) -> None:
    find(text[: min(len(text) // 4, 1_000)], text)


def placed(text: str) -> None:
    place([*pieces(text, 400), "not there"], text)
    place([*pieces(text.replace(",", ""), 400)], text)


def pieces(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


def cut(text: str) -> None:
    for _ in sentences(text):
        pass


def inert_of_itself(text: str) -> None:
    inert(text, [text])


WORK: Sequence[Callable[[str], object]] = [
    *(streamed, at_once, streamed_inert, inert_of_itself, cited_from, quoted, placed, harmless),
    *(content_words, cut, decompose, topic),
]


def is_linear(work: Callable[[str], object], text: Callable[[int], str]) -> bool:
    """Whether twice the text takes about twice the time; the least of several tries counts."""
    short, long = text(LETTERS), text(2 * LETTERS)
    once = twice = float("inf")
    for _ in range(TRIES):
        once, twice = min(once, seconds(work, short)), min(twice, seconds(work, long))
        if twice <= MOST * once + NOISE_S:
            return True
    return False


def seconds(work: Callable[[str], object], text: str) -> float:
    started = thread_time()
    work(text)
    return thread_time() - started


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(text=nasty())
def test_twice_the_text_is_twice_the_work(
    work: Callable[[str], object], text: Callable[[int], str]
) -> None:
    assert is_linear(work, text), repr(text(40))


def test_the_measure_sees_work_that_is_the_square_of_the_text() -> None:
    def squared(text: str) -> None:
        for end in range(len(text)):
            re.search("[^a]", text[:end])

    assert not is_linear(squared, "a".__mul__)
