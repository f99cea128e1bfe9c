"""The tokens of OpenAI's encoding cl100k_base, which LlamaIndex carries and counts with."""

from collections.abc import Sequence
from functools import cache

import tiktoken
from llama_index.core.utils import get_tokenizer

ENCODING = "cl100k_base"


@cache
def encoding() -> tiktoken.Encoding:
    """Return the encoding; it is loaded once, which takes long, so call this on a thread."""
    get_tokenizer()  # finds LlamaIndex's copy of the ranks, without the network
    return tiktoken.get_encoding(ENCODING)


def text_of(tokens: Sequence[int]) -> str:
    """Return the text of tokens; of a character that was cut in two there is a � left.

    Raises:
        ValueError: One of them is not of this encoding.
    """
    unknown = next((one for one in tokens if not 0 <= one < encoding().n_vocab), None)
    try:
        if unknown is None:
            return encoding().decode(tokens)
    except KeyError:  # there are gaps between the last ones
        unknown = max(tokens)
    raise ValueError(f"{unknown} is no token of {ENCODING}")
