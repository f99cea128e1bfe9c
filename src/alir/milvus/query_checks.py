"""Whether a query has the parts that its mode needs, as Milvus takes them."""

import reprlib

import numpy as np
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from alir.errors import InvalidQuery
from alir.milvus.json_faults import HALF_A_CHARACTER, is_whole

MAX_TOP_K = 16_384
"""Milvus's limit for the hits of one search."""
_OF_VECTORS = {
    VectorStoreQueryMode.DEFAULT,
    VectorStoreQueryMode.MMR,
    VectorStoreQueryMode.HYBRID,
}
_OF_WORDS = {
    VectorStoreQueryMode.SPARSE,
    VectorStoreQueryMode.TEXT_SEARCH,
    VectorStoreQueryMode.HYBRID,
}
MODES = sorted(mode.value for mode in _OF_VECTORS | _OF_WORDS)


def check_query(query: VectorStoreQuery, *, dim: int | None) -> None:
    """Check the parts of `query` that its mode needs.

    Args:
        dim: of the collection's vectors; None without any.

    Raises:
        InvalidQuery: one is missing, or Milvus cannot take it.
    """
    _check_top_k("similarity_top_k", query.similarity_top_k)
    if query.mode == VectorStoreQueryMode.HYBRID:
        for name, top_k in (("sparse", query.sparse_top_k), ("hybrid", query.hybrid_top_k)):
            if top_k:  # without one, similarity_top_k counts
                _check_top_k(f"{name}_top_k", top_k)
    if query.mode in _OF_VECTORS and dim is not None:
        _check_embedding(query, dim)
    if query.mode in _OF_WORDS:
        _check_words(query)


def _check_top_k(name: str, top_k: object) -> None:
    if not isinstance(top_k, int) or not 1 <= top_k <= MAX_TOP_K:
        raise InvalidQuery(name, f"is {top_k!r}", f"Ask for 1 to {MAX_TOP_K}.")


def _check_embedding(query: VectorStoreQuery, dim: int) -> None:
    name = "query_embedding"
    if query.query_embedding is None:
        mode = VectorStoreQueryMode(query.mode).value
        raise InvalidQuery(name, "is missing", f"Give it: the mode {mode!r} searches by it.")
    try:
        vector = np.asarray(query.query_embedding, dtype=np.float32)
    except (TypeError, ValueError) as error:
        given = reprlib.repr(query.query_embedding)
        raise InvalidQuery(name, f"is {given}", f"Give {dim} numbers.") from error
    if vector.shape != (dim,):
        problem = f"has the shape {vector.shape}, and the collection's vectors have {dim} numbers"
        raise InvalidQuery(name, problem, "Use the model that the collection was made with.")
    if not np.isfinite(vector).all():
        raise InvalidQuery(name, "holds NaN or infinite values", f"Give {dim} finite numbers.")


def _check_words(query: VectorStoreQuery) -> None:
    name, words = "query_str", query.query_str
    if not isinstance(words, str):
        mode = VectorStoreQueryMode(query.mode).value
        raise InvalidQuery(name, "is missing", f"Give a text: the mode {mode!r} searches by words.")
    if not is_whole(words):
        raise InvalidQuery(name, f"is {HALF_A_CHARACTER}", "Give a text of whole characters.")
