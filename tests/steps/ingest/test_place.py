"""Place: every chunk stands where it was cut, also where a text repeats itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.node_parser import SentenceSplitter

from alir.steps.ingest.place import place

PIECES = [
    "a",
    "ab ",
    "ab. ",
    "  ",
    "\n",
    "\n\n\n",
    "\r\n",
    "文。",
    "？",
    "x=1;",
    "é",
    "👩‍👩‍👧",
    "\ufeff",
]
SPLITTER = SentenceSplitter(chunk_size=60, chunk_overlap=15, tokenizer=list)


def test_a_chunk_that_also_stands_earlier_is_placed_where_it_was_cut() -> None:
    assert place(["ya ya", "ya ya", "ya"], "ya ya ya ya ya") == [0, 6, 12]


def test_what_follows_a_repetition_says_where_it_was_cut() -> None:
    assert place(["aaaa", "aaaa", "ab"], "aaaaaaab") == [0, 3, 6]
    assert place(["aaaa", "aaab", "bcde"], "aaaaaabcde") == [0, 3, 6]
    assert place(["aaaa", "aaaa", "baaa", "aaaa"], "aaaaaabaaaaa") == [0, 2, 6, 8]


def test_chunks_that_overlap_leave_room_for_the_last_ones() -> None:
    assert place(["aaaa"] * 4, "a" * 10) == [0, 4, 5, 6]


def test_white_space_between_chunks_belongs_to_neither() -> None:
    assert place(["one", "two"], " \n one \u3000\n two\n") == [3, 10]


def test_nothing_has_no_chunks() -> None:
    assert place([], " \n") == []


@pytest.mark.parametrize("chunks", [["bc"], ["ab", "d"], ["a", "c"], ["bc", "ab"], ["AB", "c"]])
def test_chunks_that_are_not_the_text_cut_up_have_no_places(chunks: list[str]) -> None:
    assert place(chunks, "abc") is None


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8, unique=True), st.data())
def test_the_splitters_chunks_cover_any_text_in_order(
    alphabet: list[str], data: st.DataObject
) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from(alphabet), max_size=120)))
    chunks = [chunk for chunk in SPLITTER.split_text(text) if chunk]

    places = place(chunks, text)

    assert places == sorted(set(places or []))
    covered = set[int]()
    for chunk, start in zip(chunks, places, strict=True):
        assert text.startswith(chunk, start)
        covered.update(range(start, start + len(chunk)))
    assert not {at for at, letter in enumerate(text) if not letter.isspace()} - covered
