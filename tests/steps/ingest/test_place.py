"""Place: every chunk stands where it was cut, also where a text repeats itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.node_parser import SentenceSplitter

from alir.documents.chunking import node_parser
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


def placed(chunks: list[str], text: str) -> list[int]:
    """Where the chunks begin; each of them stands there as it is."""
    spans = place(chunks, text)
    assert [text[span.start : span.end] for span in spans] == chunks
    return [span.start for span in spans]


def found(chunks: list[str], text: str) -> list[str]:
    """What stands where the chunks are placed."""
    return [text[span.start : span.end] for span in place(chunks, text)]


def test_a_chunk_that_also_stands_earlier_is_placed_where_it_was_cut() -> None:
    assert placed(["ya ya", "ya ya", "ya"], "ya ya ya ya ya") == [0, 6, 12]


def test_what_follows_a_repetition_says_where_it_was_cut() -> None:
    assert placed(["aaaa", "aaaa", "ab"], "aaaaaaab") == [0, 3, 6]
    assert placed(["aaaa", "aaab", "bcde"], "aaaaaabcde") == [0, 3, 6]
    assert placed(["aaaa", "aaaa", "baaa", "aaaa"], "aaaaaabaaaaa") == [0, 2, 6, 8]


def test_chunks_that_overlap_leave_room_for_the_last_ones() -> None:
    assert placed(["aaaa"] * 4, "a" * 10) == [0, 4, 5, 6]


def test_white_space_between_chunks_belongs_to_neither() -> None:
    assert placed(["one", "two"], " \n one \u3000\n two\n") == [3, 10]


def test_nothing_has_no_chunks() -> None:
    assert placed([], " \n") == []


def test_a_chunk_without_what_the_splitter_left_out_is_what_stands_there() -> None:
    assert found(["a,b", "c. d"], "a,,  b ,, c... d") == ["a,,  b", "c... d"]
    assert found([", so.", "it ends."], "x, , so. it,, ends.") == [", so.", "it,, ends."]


def test_an_overlap_that_begins_in_white_space_gives_two_chunks_one_beginning() -> None:
    assert found(["one two", "two", "two three"], "one two   two three") == [
        "one two",
        "two",
        "two three",
    ]


def test_chunks_of_a_parser_that_leaves_words_out_stand_in_order() -> None:
    assert found(["Cats sleep.", "Birds fly."], "Cats sleep. Dogs bark. Birds fly.") == [
        "Cats sleep.",
        "Birds fly.",
    ]


def test_chunks_of_other_letters_share_what_lies_between_their_neighbours() -> None:
    text = "Cats sleep. Dogs bark at night. Birds fly."

    assert found(["Cats sleep.", "HUNDE", "BELLEN", "Birds fly."], text) == [
        "Cats sleep.",
        "Dogs bark",
        "at night.",
        "Birds fly.",
    ]
    assert found(["HUNDE"], text) == [text]
    assert found(["bc", "ab"], "abc") == ["bc"]


def test_a_chunk_longer_than_a_row_may_be_is_cut_between_words() -> None:
    text = "word " * 5_000 + "x" * 20_000

    pieces = found([text], text)

    assert [len(piece) for piece in pieces] == [15_999, 8_999, 16_000, 4_000]
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


TOKENIZERS = {"words": str.split, "letters": list, "default": None}
ODD = [
    *(" " * 90, "\n" * 60, "\t", "word ", "Cats sleep. ", "a.a.", ",,,,", ", , ", "。。", ";;"),
    *(
        "x" * 70,
        "3.5 ",
        "e.g. ",
        "“q” ",
        "猫睡觉。",
        "\u200b",
        "e\u0301",
        "\r\n",
        "👩‍👩‍👧 ",
        "...",
        "?!",
    ),
    "the same. ",
]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(st.lists(st.sampled_from(ODD), min_size=1, max_size=6, unique=True), st.data())
def test_the_chunks_of_any_text_stand_in_it_in_order_whatever_counts_their_tokens(
    tokenizer: str, alphabet: list[str], data: st.DataObject
) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from(alphabet), max_size=80)))
    splitter = node_parser(60, 15, tokenizer=TOKENIZERS[tokenizer])
    chunks = splitter.split_text(text)

    spans = place(chunks, text)

    assert [span.start for span in spans] == sorted(span.start for span in spans)
    covered = set[int]()
    for span in spans:
        assert 0 <= span.start < span.end <= len(text)
        assert text[span.start : span.end].strip() == text[span.start : span.end]
        covered.update(range(span.start, span.end))
    letters = {at for at, letter in enumerate(text) if letter.isalnum()}
    assert not letters - covered


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=9), max_size=6))
def test_chunks_of_any_parser_have_places(text: str, chunks: list[str]) -> None:
    for span in place(chunks, text):
        assert 0 <= span.start < span.end <= len(text)


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8, unique=True), st.data())
def test_the_splitters_chunks_cover_any_text_in_order(
    alphabet: list[str], data: st.DataObject
) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from(alphabet), max_size=120)))
    chunks = [chunk for chunk in SPLITTER.split_text(text) if chunk]

    places = placed(chunks, text)

    assert places == sorted(set(places))
    covered = set[int]()
    for chunk, start in zip(chunks, places, strict=True):
        assert text.startswith(chunk, start)
        covered.update(range(start, start + len(chunk)))
    assert not {at for at, letter in enumerate(text) if not letter.isspace()} - covered
