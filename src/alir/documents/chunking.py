"""Chunking: how large chunks are, and what cuts texts into them."""

from collections.abc import Callable
from typing import Any

from llama_index.core.node_parser import SentenceSplitter

from alir.errors import InvalidSetting

CHUNKING = "2"
"""Raised when a change of ours gives other text or other chunks for the same file."""
DEFAULT_CHUNK_TOKENS = 256
"""For an embedding whose window alir does not know."""


def chunk_tokens(chosen: int | None, *, model: str, window: int | None) -> int:
    """Return the most tokens of the embedding model `model` that a chunk has.

    Args:
        chosen: None fills the model's window.
        window: the most tokens that the model reads; None is not known.

    Raises:
        InvalidSetting: the model would not read it all.
    """
    if chosen is not None and window is not None and chosen > window:
        raise InvalidSetting(
            "ALIR_CHUNK_TOKENS",
            f"{chosen} is more than {model} reads, which is {window}",
            f"Choose {window} or less; what is beyond would not be embedded.",
        )
    return chosen or window or DEFAULT_CHUNK_TOKENS


def node_parser(
    tokens: int, overlap: int, *, tokenizer: Callable[[str], Any] | None
) -> SentenceSplitter:
    """Return what cuts a text into chunks of `tokens`, neighbours sharing `overlap`.

    Raises:
        InvalidSetting: neighbours would share all of it.
    """
    if overlap >= tokens:
        raise InvalidSetting(
            "ALIR_CHUNK_OVERLAP_TOKENS",
            f"{overlap} is not less than a chunk, which is {tokens}",
            "Choose a smaller one.",
        )
    return SentenceSplitter(
        chunk_size=tokens,
        chunk_overlap=overlap,
        tokenizer=tokenizer,
        include_metadata=False,
        include_prev_next_rel=False,
    )
