"""Chunking: chunks are no larger than what the model reads."""

from itertools import pairwise

import pytest
from llama_index.core.node_parser import SentenceSplitter

from alir.documents.chunking import DEFAULT_CHUNK_TOKENS, chunk_tokens, node_parser
from alir.errors import InvalidSetting


@pytest.mark.parametrize(
    ("chosen", "window", "tokens"),
    [(64, 256, 64), (256, 256, 256), (None, 512, 512), (64, None, 64)],
)
def test_what_was_chosen_counts_and_else_the_models_window(
    chosen: int | None, window: int | None, tokens: int
) -> None:
    assert chunk_tokens(chosen, model="m", window=window) == tokens


def test_an_unknown_window_has_a_default() -> None:
    assert chunk_tokens(None, model="m", window=None) == DEFAULT_CHUNK_TOKENS


def test_more_than_the_window_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="257 is more than m reads, which is 256"):
        chunk_tokens(257, model="m", window=256)


def test_chunks_have_so_many_tokens_and_neighbours_share_some() -> None:
    parser = node_parser(12, 4, tokenizer=str.split)
    words = [f"word{number}" for number in range(40)]

    chunks = [chunk.split() for chunk in parser.split_text(" ".join(words))]

    assert len(chunks) > 1
    assert all(len(chunk) <= 12 for chunk in chunks)
    assert all(set(one) & set(other) for one, other in pairwise(chunks))


def test_an_overlap_of_a_whole_chunk_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="8 is not less than a chunk, which is 8"):
        node_parser(8, 8, tokenizer=str.split)


@pytest.mark.parametrize("unit", ["!?", "?", '!"', "?)", ". .", "a?b", "word. "])
def test_a_text_of_stops_is_cut_like_any_other(unit: str) -> None:
    parser = node_parser(64, 8, tokenizer=list)
    text = unit * 3_000

    chunks = parser.split_text(text)

    assert all(len(chunk) <= 64 for chunk in chunks)
    assert chunks[0] in text
    assert sum(map(len, chunks)) > 0.9 * len(text.replace(" ", ""))


def test_ordinary_text_is_cut_as_llama_index_cuts_it() -> None:
    text = "Dr. Smith has 3.5 cats. They sleep all day! Do dogs?\n\nThey bark (so he said). " * 40
    default = SentenceSplitter(chunk_size=90, chunk_overlap=20, tokenizer=list)

    assert node_parser(90, 20, tokenizer=list).split_text(text) == default.split_text(text)
