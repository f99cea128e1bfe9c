"""The tokens of cl100k_base."""

import pytest

from alir.server.openai.tokens import encoding, text_of


@pytest.mark.parametrize("text", ["combs of wax", "Königin 🐝", "<|endoftext|>", ""])
def test_tokens_become_the_text_that_they_were(text: str) -> None:
    assert text_of(encoding().encode(text, disallowed_special=())) == text


def test_a_character_that_was_cut_in_two_leaves_a_mark() -> None:
    first, *_ = encoding().encode("🐝")

    assert text_of([first]) == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("token", [-1, 100_256, 200_000, 2**70])
def test_a_token_of_another_encoding_is_named(token: int) -> None:
    with pytest.raises(ValueError, match=f"{token} is no token of cl100k_base"):
        text_of([9906, token])
