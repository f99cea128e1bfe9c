"""The options of a search by words: the functions that read them, and the ranker of both."""

from typing import Any

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.vector_stores.milvus.utils import BaseSparseEmbeddingFunction, BM25BuiltInFunction
from pymilvus import DataType

from alir import AlirMilvusStore
from alir.errors import InvalidSetting, KeywordSearchUnavailable


class LetterCounts(BaseSparseEmbeddingFunction):
    """Sparse vectors that can be read by eye: how often each letter occurs."""

    def encode_queries(self, queries: list[str]) -> list[dict[int, float]]:
        return self.encode_documents(queries)

    def encode_documents(self, documents: list[str]) -> list[dict[int, float]]:
        return [{ord(one): float(text.count(one)) for one in text} for text in documents]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"hybrid_ranker_params": {"k": 0}}, "hybrid_ranker_params: k is 0"),
        ({"sparse_embedding_function": LetterCounts()}, "sparse_embedding_function: nothing uses"),
        (
            {"sparse_embedding_function": object(), "enable_sparse": True},
            "sparse_embedding_function: object makes no sparse vectors",
        ),
        (
            {
                "sparse_embedding_function": BM25BuiltInFunction(output_field_names="other"),
                "enable_sparse": True,
            },
            "it writes other, not sparse_embedding",
        ),
        (
            {
                "sparse_embedding_function": BM25BuiltInFunction(input_field_names="title"),
                "enable_sparse": True,
            },
            "it reads title, which the collection does not have",
        ),
        (
            {
                "sparse_embedding_function": LetterCounts(),
                "enable_sparse": True,
                "analyzer_params": {},
            },
            "analyzer_params: there is a sparse_embedding_function",
        ),
        ({"hybrid_ranker": "BestRanker"}, "hybrid_ranker: 'BestRanker' is not one"),
        ({"hybrid_ranker_params": {"weights": [1, 2]}}, r"RRFRanker has no \['weights'\]"),
        (
            {"hybrid_ranker": "WeightedRanker", "hybrid_ranker_params": {"weights": [1.0]}},
            "not two weights",
        ),
    ],
)
def test_an_option_of_words_that_would_do_nothing_is_refused_by_its_name(
    options: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidSetting, match=why):
        AlirMilvusStore("x.db", **options)


def test_without_dense_vectors_there_are_only_words(opened: Any, node: Any, ask: Any) -> None:
    store = opened(enable_dense=False, enable_sparse=True, dim=None, upsert_mode=True)
    store.add([node("a", "apples"), TextNode(id_="b", text="pears")])
    assert ask(store, "sparse", "pears") == ["b"]
    fields = store.client.describe_collection(store.collection_name)["fields"]
    assert "embedding" not in [one["name"] for one in fields]
    for mode in ("default", "mmr", "hybrid"):
        with pytest.raises(InvalidSetting, match=f"enable_dense: .*{mode}"):
            ask(store, mode, "pears")


def test_bm25_reads_the_fields_and_cuts_the_words_as_its_function_says(
    opened: Any, node: Any, ask: Any
) -> None:
    store = opened(
        enable_sparse=True,
        scalar_field_names=["title"],
        scalar_field_types=[DataType.VARCHAR],
        sparse_embedding_function=BM25BuiltInFunction(
            input_field_names="title",
            analyzer_params={
                "tokenizer": "standard",
                "filter": [{"type": "stop", "stop_words": ["the"]}],
            },
        ),
    )
    store.add([node("a", "the pear", title="the apple"), node("b", "the apple", title="the pear")])
    assert ask(store, "text_search", "apple") == ["a"]
    assert ask(store, "text_search", "the") == []
    assert store.get_nodes(["a"])[0].text == "the pear"


def test_sparse_vectors_can_be_the_callers_own(
    opened: Any, node: Any, ask: Any, answer: Any
) -> None:
    own = {"enable_sparse": True, "sparse_embedding_function": LetterCounts()}
    store = opened(**own)
    store.add([node("a", "aaab"), node("b", "bbb"), node("c", "c")])
    assert ask(store, "sparse", "b") == ["b", "a"]
    assert answer(store, "sparse", "b").similarities == [3.0, 1.0]
    assert ask(store, "hybrid", "c")[0] == "c"
    with pytest.raises(KeywordSearchUnavailable):
        ask(opened(enable_sparse=True), "sparse", "b")  # these are not BM25's


def test_on_a_server_the_callers_own_sparse_vectors_are_refused_before_anything_is_made(
    opened: Any, milvus_server: Any, node: Any
) -> None:
    store = opened(
        uri=milvus_server.uri,
        enable_sparse=True,
        sparse_embedding_function=LetterCounts(),
    )
    with pytest.raises(KeywordSearchUnavailable):
        store.add([node("a")])
    assert not store.client.has_collection(store.collection_name)


def test_the_ranker_decides_what_a_hybrid_search_puts_first(
    opened: Any, node: Any, ask: Any, answer: Any
) -> None:
    nodes = [node("a", "pear"), node("b", "nothing"), node("c", "apple apple")]
    opened(enable_sparse=True).add(nodes)

    def first(**options: Any) -> list[str]:
        return ask(opened(enable_sparse=True, **options), "hybrid", "apple")

    def weighted(*weights: float) -> dict[str, Any]:
        return {"hybrid_ranker": "WeightedRanker", "hybrid_ranker_params": {"weights": [*weights]}}

    assert first(**weighted(1.0, 0.0)) == ["a", "b", "c"]
    assert first(**weighted(0.0, 1.0))[0] == "c"
    assert first(hybrid_ranker="WeightedRanker") == first(**weighted(1.0, 1.0))
    assert first()[0] == "c"
    scores = [
        answer(opened(enable_sparse=True, hybrid_ranker_params={"k": k}), "hybrid", "apple")
        for k in (1, 60)
    ]
    assert scores[0].similarities[0] > scores[1].similarities[0]


def test_a_hybrid_search_takes_the_queries_own_limits(opened: Any, node: Any) -> None:
    store = opened(enable_sparse=True)
    store.add([node("a", "apple apple"), node("b", "apple"), node("c", "pear")])

    def found(**limits: int) -> VectorStoreQueryResult:
        query = VectorStoreQuery(
            query_embedding=[1.0, 0.0],
            query_str="apple",
            similarity_top_k=3,
            mode=VectorStoreQueryMode.HYBRID,
            **limits,
        )
        result: VectorStoreQueryResult = store.query(query)
        return result

    assert found().similarities == pytest.approx([2 / 61, 2 / 62, 1 / 63])
    assert found(sparse_top_k=1).similarities == pytest.approx([2 / 61, 1 / 62, 1 / 63])
    assert found(hybrid_top_k=1).ids == ["a"]
