"""Stream: sentences as they end, source numbers that become citations or go."""

import asyncio
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from llama_index.core.llms import ChatMessage, ChatResponse
from llama_index.core.schema import NodeWithScore, TextNode

from alir.steps.ask.cite import Citations
from alir.steps.ask.stream import STEP_CHARS, STEPS_AT_ONCE, CitedText, Claim, received

BIRDS = "Birds fly south in winter. Fish swim deep."
CATS = "Cats sleep long hours. Dogs bark at night."
TREES = "Revenue grew by 3.5 percent. Trees grow tall."
STORED = {"birds": BIRDS, "cats": CATS, "trees": TREES}
PASSAGES = [
    NodeWithScore(
        node=TextNode(id_=name, text=text, metadata={"file_path": f"/docs/{name}.txt"}), score=0.5
    )
    for name, text in STORED.items()
]


def fed(made: Citations, *pieces: str) -> list[str | Claim]:
    text = CitedText(made)
    return [one for piece in pieces for one in text.feed(piece)] + text.finish()


def streamed(*pieces: str) -> tuple[str, list[Claim], Citations]:
    """The text that is shown, the claims in it, and the citations made."""
    made = Citations(PASSAGES, STORED)
    ready = fed(made, *pieces)
    shown = "".join(one for one in ready if isinstance(one, str))
    return shown, [one for one in ready if isinstance(one, Claim)], made


def cited(*pieces: str) -> tuple[str, list[str], int]:
    """The text that is shown, the quotes cited, and how many citations were removed."""
    shown, _, made = streamed(*pieces)
    return shown, [citation.quote for citation in made.made], made.removed


B, C, T = "Birds fly south in winter.", "Cats sleep long hours.", "Trees grow tall."


@pytest.mark.parametrize(
    ("text", "shown", "made"),
    [
        ("Birds fly south [1]. Cats sleep [2].", None, [B, C]),
        ("Cats sleep [2]. Birds fly south [1].", "Cats sleep [1]. Birds fly south [2].", [C, B]),
        ("Birds fly south. [1] Cats sleep. [2]", None, [B, C]),
        ("Birds fly south.[1] Cats sleep.[2] ", None, [B, C]),
        ('He said: "Birds fly." [1] Cats sleep?) [2]', None, [B, C]),
        ("Birds fly south.\n\n[1]\n\nCats sleep [2]", None, [B, C]),
        ("Birds fly [1] and cats sleep [2], they say.", None, [B, C]),
        ("Birds fly and cats sleep [1][2] [1].", None, [B, C]),
        ("Trees and birds grow [1, 3].", "Trees and birds grow [1][2].", [B, T]),
        ("Trees and birds grow [1 ,3,1].", "Trees and birds grow [1][2].", [B, T]),
        ("Birds fly south [1]", None, [B]),
        ("Birds fly south [1]\nCats sleep [2]\n", None, [B, C]),
        ("It grew by 3.5 percent [3].", "It grew by 3.5 percent [1].", [TREES[:28]]),
        ("鸟 birds fly。[1] Cats sleep。[2]", None, [B, C]),
    ],
)
def test_a_marker_becomes_the_number_of_its_citation(
    text: str, shown: str | None, made: list[str]
) -> None:
    assert cited(text) == (text if shown is None else shown, made, 0)


@pytest.mark.parametrize(
    ("text", "shown", "removed"),
    [
        ("Profit fell [1]. So be it.", "Profit fell. So be it.", 1),
        ("Birds fly south [9].", "Birds fly south.", 1),
        ("Birds fly south [0][999].", "Birds fly south.", 2),
        ("Birds fly south. [7]", "Birds fly south.", 1),
        ("Birds fly south。Profit fell。[1]", "Birds fly south。Profit fell。", 1),
        ("Profit fell.[1] Birds fly south.", "Profit fell. Birds fly south.", 1),
        ("So: ```\na[1]\n``` ends.\nProfit fell [1].", "So: ```\na[1]\n``` ends.\nProfit fell.", 1),
        ("```x = a[1]```\nProfit fell [1].", "```x = a[1]```\nProfit fell.", 1),
        ("```\nx = a[1]. y\n```\nProfit fell [1].", "```\nx = a[1]. y\n```\nProfit fell.", 1),
        ("See ```a[1]. b``` where profit fell [1].", "See ```a[1]. b``` where profit fell.", 1),
        ("Profit fell. [1] Birds fly south.", "Profit fell. Birds fly south.", 1),
        ("Profit fell.\n[1]\nBirds fly south.", "Profit fell.\nBirds fly south.", 1),
        ("Birds fly south. Profit fell. [1]", "Birds fly south. Profit fell.", 1),
        ("Birds fly south.\nProfit fell [1].", "Birds fly south.\nProfit fell.", 1),
        ("Profit fell [1]. Birds fly south.", "Profit fell. Birds fly south.", 1),
    ],
)
def test_a_marker_that_its_sentence_does_not_bear_out_is_removed(
    text: str, shown: str, removed: int
) -> None:
    assert cited(text) == (shown, [], removed)


def test_of_several_numbers_only_those_that_do_not_hold_are_removed() -> None:
    assert cited("Birds fly south [2, 1, 8].") == ("Birds fly south [1].", [B], 2)


@pytest.mark.parametrize(
    "text",
    [
        "an option [a], a date [2021-01], a year [2021], a range [1-3], nothing [], [ ], [,]",
        "a link [docs](https://example.org/a[b]) and a [reference][one]",
        "the code `birds[1]`, `m[0][1]` and ``",
        "```python\nbirds = [1]\nsouth[1] = birds[2, 3]\n```\n",
        "unfinished [",
        "unfinished [1",
        "unfinished [1, ",
        "white space at the end \n ",
        "[[]] ]1[ [1.5] [-1] [+1] [¹]",
    ],
)
def test_brackets_that_are_no_markers_pass_through(text: str) -> None:
    assert cited(text) == (text, [], 0)
    assert cited(*text) == (text, [], 0)


def test_nothing_is_shown_of_nothing() -> None:
    assert cited() == cited("") == ("", [], 0)


def test_text_is_shown_as_it_comes_and_a_marker_as_soon_as_its_sentence_ends() -> None:
    text = CitedText(Citations(PASSAGES, STORED))

    pieces = ["Birds", " fly", " south", " [", "1", "]", " in", " winter", ".", " Cats", " sleep"]

    assert [text.feed(piece) for piece in pieces] == [
        *(["Birds"], [" fly"], [" south"], [], [], [], [], [], []),
        [" [1] in winter.", Claim("Birds fly south in winter.", (1,)), " ", "Cats"],
        [" sleep"],
    ]


def claims(*pieces: str) -> list[tuple[str, tuple[int, ...]]]:
    _, made, _ = streamed(*pieces)
    return [(claim.text, claim.citations) for claim in made]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Birds fly. Cats sleep [2].", [("Birds fly.", ()), ("Cats sleep.", (1,))]),
        ("Birds fly.\n\n[1]\n\nCats sleep", [("Birds fly.", (1,)), ("Cats sleep", ())]),
        ("Birds and cats [1][2][9].", [("Birds and cats.", (1, 2))]),
        ("Birds of Inc. Ltd. fly. [1]", [("Birds of Inc. Ltd. fly.", (1,))]),
        ("Mr. J. Bird of the U.S. fleet flies.", [("Mr. J. Bird of the U.S. fleet flies.", ())]),
        ("1. Birds fly [1].\n2. Cats sleep.", [("1. Birds fly.", (1,)), ("2. Cats sleep.", ())]),
        ("- Birds fly\n- Cats sleep [2]", [("- Birds fly", ()), ("- Cats sleep", (1,))]),
        ("# Birds\nThey say:\nWhy do birds fly?", []),
        ("In **short**:\n\n```\nbirds = fly. Cats\n```\n", []),
        ("`birds.fly. Cats`.", []),
        ("Profit fell [1].", [("Profit fell.", ())]),
        ("", []),
    ],
)
def test_a_sentence_that_claims_something_follows_its_text_with_what_it_cites(
    text: str, made: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert claims(text) == claims(*text) == made


def test_a_decimal_point_at_the_end_of_a_piece_does_not_end_the_sentence() -> None:
    assert cited("Birds number 3.", "5 percent [1].") == cited("Birds number 3.5 percent [1].")


def test_a_long_list_of_numbers_is_checked_however_it_comes() -> None:
    text = "Birds fly south [" + ", ".join(["1"] * 30) + "]."

    assert cited(text) == cited(*text) == ("Birds fly south [1].", [B], 0)


FRAGMENTS = [
    *("Birds fly", " south", " in winter", "Cats sleep", "Profit fell", "Trees", " grow", " and "),
    *("[1]", "[2]", "[3]", " [1]", " [2]", "[9]", "[1, 3]", "[ 1]", "[0]", " [1][2]", "\n[1]"),
    *(".", ". ", "!", "? ", ".\n", "\n", "\n\n", " ", "。", '"', "”", "'", ")", "...", ", ", "3.5"),
    *("[", "]", "[a]", "[2021-01]", "[x](http://a.b)", "`", "``", "```", "`a[1]`", '"fly south in'),
    ' winter"',
]
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join)


@settings(max_examples=1_000)
@given(text=TEXTS, data=st.data())
@example(text="Birds fly south. Profit fell. [1]", data=None)
@example(text="Birds fly.\n [1]", data=None)
@example(text='"Birds fly south." [1] Cats. [1]', data=None)
@example(text="Birds fly.  South", data=None)
def test_the_text_may_come_in_any_pieces(text: str, data: Any) -> None:
    cuts = list(range(len(text) + 1)) if data is None else data.draw(cuts_of(text))
    pieces = [text[start:end] for start, end in pairwise([0, *sorted(cuts), len(text)])]

    assert cited(*pieces) == cited(text)
    assert placed(*pieces) == placed(text)


LONG = [
    *("word " * 290, "a" * 1_480, "a.a" * 480, "`" * 300, "[1," * 130, " " * 480, "1, " * 130),
    *("\n" * 300, "e.g. " * 60, "3.5 " * 100, "`a. " * 40, "[1] " * 100),
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*LONG, *LONG, *FRAGMENTS]), max_size=8).map("".join))
def test_a_sentence_without_end_may_come_letter_by_letter(text: str) -> None:
    assert cited(*text) == cited(text)
    assert placed(*text) == placed(text)
    assert all(len(claim.text) <= 2_500 for claim in streamed(text)[1])


def placed(*pieces: str) -> str:
    """The text that is shown, with a mark wherever a claim comes."""
    ready = fed(Citations(PASSAGES, STORED), *pieces)
    return "".join(one if isinstance(one, str) else f"⟦{one.citations}⟧" for one in ready)


def cuts_of(text: str) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, len(text)), max_size=len(text))


@given(TEXTS.filter(lambda text: "`" not in text))
def test_only_markers_are_changed_and_every_one_shown_has_its_citation(text: str) -> None:
    shown, _, made = streamed(text)

    marker = re.compile(r"\[\d{1,3}(\s*,\s*\d{1,3})*\]")
    assert "".join(marker.sub("", shown).split()) == "".join(marker.sub("", text).split())
    numbers = {int(number) for number in re.findall(r"\[(\d+)\]", shown)}
    assert numbers == set(range(1, len(made.made) + 1))
    for citation in made.made:
        name = citation.file.removeprefix("/docs/").removesuffix(".txt")
        assert STORED[name][citation.start : citation.end] == citation.quote


async def test_the_event_loop_goes_on_while_a_whole_reply_is_taken() -> None:
    async def responses() -> AsyncIterator[ChatResponse]:
        for delta in ("a" * 20_000, *("b" * 100), None):
            yield ChatResponse(message=ChatMessage("all"), delta=delta)

    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    pieces = [piece async for piece in received(responses())]
    counting.cancel()

    assert "".join(pieces) == "a" * 20_000 + "b" * 100
    assert max(map(len, pieces)) == STEP_CHARS
    assert turns >= len(pieces) // STEPS_AT_ONCE
