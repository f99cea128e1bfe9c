"""Chunking: the size of chunks, and the splitter that makes them."""

from collections.abc import Callable
from typing import Any

from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.node_parser.text.utils import split_by_sentence_tokenizer

from alir.errors import InvalidSetting

CHUNKING = "2"
"""Raise it with each change of alir that gives other text or other chunks for a file."""
DEFAULT_CHUNK_TOKENS = 256
"""For an embedding model with an unknown window."""
_PEELED_SHARE = 0.9
"""Of a text that is cut into a sentence of so much of it, and crumbs."""


def chunk_tokens(chosen: int | None, *, model: str, window: int | None) -> int:
    """Return the most tokens of the embedding model `model` that a chunk has.

    Args:
        chosen: None fills the model's window.
        window: the most tokens that the model reads; None if unknown.

    Raises:
        InvalidSetting: `chosen` is larger than `window`.
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
    """Return a splitter into chunks of `tokens`, of which neighbours share `overlap`.

    Raises:
        InvalidSetting: `overlap` is not less than `tokens`.
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
        chunking_tokenizer_fn=_sentences,
        include_metadata=False,
        include_prev_next_rel=False,
    )


_at_sentences = split_by_sentence_tokenizer()


def _sentences(text: str) -> list[str]:
    """Cut `text` as LlamaIndex's splitter does by default, but for what would be peeled.

    Of "!?!?!?" it cuts the first and the last letter off, and of what is left again, a call within
    a call, until Python's stack is full. Such a text has no sentences.
    """
    found: list[str] = _at_sentences(text)
    longest = max(found, key=len, default="")
    is_large = len(found) > 1 and len(longest) > _PEELED_SHARE * len(text)
    return [text] if is_large and len(_at_sentences(longest)) > 1 else found
