"""A fake embedding model that hashes the words of a text."""

import asyncio
import math
import re
from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import Field

_WORD = re.compile(r"\w+")


class HashEmbedding(BaseEmbedding):
    """Embeds a text as the sum of its words, each word a signed axis chosen by its hash.

    Deterministic on every machine; texts that share words are near. Vectors have unit length. A
    text without words, or with words that cancel out, gets the first axis.
    """

    dim: int = Field(default=64, gt=0)

    def __init__(self, dim: int = 64, **fields: Any) -> None:
        fields = {"model_name": f"hash-{dim}", "embed_batch_size": 256} | fields
        super().__init__(dim=dim, **fields)

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex serializes it under."""
        return "HashEmbedding"

    def _get_text_embedding(self, text: str) -> list[float]:
        return _embedded(text, self.dim)

    def _get_query_embedding(self, query: str) -> list[float]:
        return _embedded(query, self.dim)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return _embedded(query, self.dim)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        # On a thread, as a model computes: the event loop goes on meanwhile.
        return await asyncio.to_thread(lambda: [_embedded(text, self.dim) for text in texts])


def _embedded(text: str, dim: int) -> list[float]:
    axes: dict[int, int] = {}
    for word, times in Counter(_WORD.findall(text.casefold())).items():
        number = _hash(word)
        axis = (number >> 1) % dim
        axes[axis] = axes.get(axis, 0) + (times if number & 1 else -times)
    length = math.hypot(*axes.values())
    if length == 0.0:
        axes, length = {0: 1}, 1.0
    vector = [0.0] * dim
    for axis, value in axes.items():
        vector[axis] = value / length
    return vector


@lru_cache(100_000)
def _hash(word: str) -> int:
    digest = blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
