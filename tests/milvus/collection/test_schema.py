"""The schema of a new collection, and whether an existing one fits."""

from typing import Any

import pytest
from llama_index.vector_stores.milvus.utils import BM25BuiltInFunction
from pymilvus import DataType

from alir.errors import (
    CollectionMismatch,
)
from tests.milvus.nodes import fruit, nearest


async def test_a_collection_of_another_dimension_metric_or_model_is_refused(
    make_store: Any,
) -> None:
    await make_store(similarity_metric="COSINE", embedding_model="ours").async_add(fruit())
    for options, why in (
        ({"dim": 5}, "4 dimensions, not 5"),
        ({"similarity_metric": "L2"}, "metric COSINE, not L2"),
        ({"embedding_model": "theirs"}, "embedding model ours, not theirs"),
    ):
        store = make_store(**({"similarity_metric": "COSINE"} | options))
        with pytest.raises(CollectionMismatch, match=why):
            await store.async_add(fruit())
        with pytest.raises(CollectionMismatch, match=why):
            await store.aquery(nearest([1.0, 0.0, 0.0, 0.0]))
    assert await make_store(similarity_metric="COSINE", embedding_model="ours").count() == 3


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
