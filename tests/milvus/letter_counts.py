"""Sparse vectors that can be read by eye."""

from llama_index.vector_stores.milvus.utils import BaseSparseEmbeddingFunction


class LetterCounts(BaseSparseEmbeddingFunction):
    """Sparse vectors that can be read by eye: how often each letter occurs."""

    def encode_queries(self, queries: list[str]) -> list[dict[int, float]]:
        return self.encode_documents(queries)

    def encode_documents(self, documents: list[str]) -> list[dict[int, float]]:
        return [{ord(one): float(text.count(one)) for one in text} for text in documents]
