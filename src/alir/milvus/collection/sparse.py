"""Sparse vectors that are made here, not by Milvus."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from llama_index.vector_stores.milvus.utils import BaseSparseEmbeddingFunction


class SparseEncoder:
    """A `BaseSparseEmbeddingFunction`, one call at a time on a thread of its own."""

    def __init__(self, function: BaseSparseEmbeddingFunction) -> None:
        self._function = function
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alir-sparse")

    async def encode_documents(self, texts: list[str]) -> list[dict[int, float]]:
        """Return the sparse vectors of texts to store."""
        vectors: list[dict[int, float]] = await self._on_thread(
            self._function.encode_documents, texts
        )
        return vectors

    async def encode_query(self, text: str) -> dict[int, float]:
        """Return the sparse vector of a text to search for."""
        [vector] = await self._on_thread(self._function.encode_queries, [text])
        return vector  # type: ignore[no-any-return]

    async def _on_thread(self, encode: Any, texts: list[str]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, encode, texts)
