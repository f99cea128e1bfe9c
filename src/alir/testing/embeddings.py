"""An embedding model without a model: the words of a text, hashed."""

import math
import re
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import Field

_WORD = re.compile(r"\w+")


class HashEmbedding(BaseEmbedding):
    """Embeds a text as the sum of its words, each word a signed axis chosen by its hash.

    Deterministic everywhere, and texts that share words are near. Vectors have unit length; a
    text whose words are none, or cancel each other, gets the first axis.
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
        vector = [0.0] * self.dim
        for word in _WORD.findall(text.casefold()):
            number = _hash(word)
            vector[(number >> 1) % self.dim] += 1.0 if number & 1 else -1.0
        length = math.hypot(*vector)
        if length == 0.0:
            return [1.0] + [0.0] * (self.dim - 1)
        return [value / length for value in vector]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [self._get_text_embedding(text) for text in texts]


@lru_cache(100_000)
def _hash(word: str) -> int:
    digest = blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
