"""A query without a part that its mode needs is refused by the part's name."""

from typing import Any

import numpy as np
import pytest
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from alir.errors import InvalidQuery
from alir.milvus.query_checks import MAX_TOP_K, check_query

WHOLE: dict[str, Any] = {
    "query_embedding": [1.0, 0.0],
    "query_str": "cats",
    "similarity_top_k": 3,
}


@pytest.mark.parametrize(
    ("mode", "changed", "part"),
    [
        ("default", {"query_embedding": None}, "query_embedding is missing"),
        ("mmr", {"query_embedding": None}, "query_embedding is missing"),
        ("hybrid", {"query_embedding": None}, "query_embedding is missing"),
        ("default", {"query_embedding": [1.0]}, "query_embedding has the shape"),
        ("default", {"query_embedding": [[1.0, 0.0]]}, "query_embedding has the shape"),
        ("default", {"query_embedding": ["a", "b"]}, "Give 2 numbers"),
        ("default", {"query_embedding": [float("nan"), 0.0]}, "query_embedding holds NaN"),
        ("default", {"query_embedding": [float("inf"), 0.0]}, "query_embedding holds NaN"),
        ("sparse", {"query_str": None}, "query_str is missing"),
        ("text_search", {"query_str": None}, "query_str is missing"),
        ("hybrid", {"query_str": None}, "query_str is missing"),
        ("sparse", {"query_str": "a\ud800"}, "query_str is text with half"),
        ("default", {"similarity_top_k": 0}, "similarity_top_k is 0"),
        ("default", {"similarity_top_k": -1}, "similarity_top_k is -1"),
        ("default", {"similarity_top_k": 1.5}, "similarity_top_k is 1.5"),
        ("default", {"similarity_top_k": MAX_TOP_K + 1}, "similarity_top_k is 16385"),
        ("hybrid", {"sparse_top_k": -3}, "sparse_top_k is -3"),
        ("hybrid", {"hybrid_top_k": MAX_TOP_K + 1}, "hybrid_top_k is 16385"),
    ],
)
def test_a_part_that_milvus_could_not_take_is_named(
    mode: str, changed: dict[str, Any], part: str
) -> None:
    query = VectorStoreQuery(**WHOLE | changed, mode=VectorStoreQueryMode(mode))

    with pytest.raises(InvalidQuery, match=part):
        check_query(query, dim=2)


@pytest.mark.parametrize(
    ("mode", "changed"),
    [
        ("default", {"query_str": None}),
        ("sparse", {"query_embedding": None}),
        ("default", {"query_embedding": np.array([1.0, 0.0])}),
        ("hybrid", {"sparse_top_k": None, "hybrid_top_k": 0}),
    ],
)
def test_what_its_mode_does_not_need_may_be_missing(mode: str, changed: dict[str, Any]) -> None:
    check_query(VectorStoreQuery(**WHOLE | changed, mode=VectorStoreQueryMode(mode)), dim=2)


def test_a_collection_without_dense_vectors_asks_for_none() -> None:
    query = VectorStoreQuery(query_str="cats", similarity_top_k=3)

    check_query(query, dim=None)
