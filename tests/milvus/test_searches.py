"""The query modes, and the options of a query."""

from dataclasses import replace
from typing import Any

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.vector_stores.milvus.utils import FilterOperatorFunction

from alir.errors import (
    InvalidFilter,
    InvalidQuery,
    InvalidSetting,
    KeywordSearchUnavailable,
)
from alir.milvus.filters import MAX_NESTED
from tests.milvus.letter_counts import LetterCounts
from tests.milvus.nodes import fruit, nearest, where


async def test_a_search_does_not_bring_the_vectors_back(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    found = await store.aquery(nearest([1.0, 0.0, 0.0, 0.0]))
    assert [one.embedding for one in found.nodes] == [None, None, None]


FILTERS = [
    (where("weight", 2, ">="), {"apple", "cherry"}),
    (where("weight", 2, "<"), {"banana"}),
    (where("weight", 2, "!="), {"apple", "banana"}),
    (where("colour", ["red", "blue"], "in"), {"apple", "cherry"}),
    (where("colour", ["red", "blue"], "nin"), {"banana"}),
    (where("colour", 'red" or weight > 0 or colour == "', "=="), set()),
    (where("no such key", 1), set()),
    (
        MetadataFilters(filters=[where("weight", 3), where("colour", "yellow")], condition="or"),
        {"apple", "banana"},
    ),
    (
        MetadataFilters(filters=[where("weight", 1, ">"), where("weight", 3, "<")]),
        {"cherry"},
    ),
]


async def test_filters_mean_what_they_say(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    for filters, expected in FILTERS:
        got = {one.node_id for one in await store.aget_nodes(filters=filters)}
        assert got == expected, filters
        found = await store.aquery(nearest([1.0, 1.0, 0.0, 0.0], filters=filters))
        assert set(found.ids) == expected, filters


async def test_a_query_can_be_kept_to_documents_and_nodes(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    query = nearest([0.0, 1.0, 0.0, 0.0], doc_ids=["garden"], node_ids=["cherry", "banana"])
    assert (await store.aquery(query)).ids == ["cherry"]
    unrestricted = nearest([0.0, 1.0, 0.0, 0.0], top_k=1, doc_ids=[], node_ids=[])
    assert (await store.aquery(unrestricted)).ids == ["banana"]
    assert await store.aget_nodes(node_ids=[]) == []


async def test_words_are_searched_where_milvus_can_and_refused_where_not(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    query = VectorStoreQuery(
        query_str="banana", similarity_top_k=2, mode=VectorStoreQueryMode.TEXT_SEARCH
    )
    if await store.keyword_search():
        found = await store.aquery(query)
        assert found.ids == ["banana"]
        query.mode, query.query_embedding = VectorStoreQueryMode.HYBRID, [1.0, 0.0, 0.0, 0.0]
        assert set((await store.aquery(query)).ids) == {"banana", "apple"}
    else:
        with pytest.raises(KeywordSearchUnavailable, match=r"Milvus 2\.5"):
            await store.aquery(query)


async def test_a_mode_that_is_not_there_is_an_error(make_store: Any) -> None:
    store = make_store()
    await store.async_add(fruit())
    with pytest.raises(InvalidQuery, match="SVM"):
        await store.aquery(nearest([1.0, 0.0, 0.0, 0.0], mode=VectorStoreQueryMode.SVM))


@pytest.mark.parametrize("config", [{"radius": 0.9}, {"params": {"radius": 0.9}}])
def test_search_parameters_are_taken_in_both_forms(
    opened: Any, config: dict[str, Any], node: Any, ask: Any
) -> None:
    opened().add([node("a"), node("b"), node("c")])
    assert ask(opened()) == ["a", "b", "c"]
    assert ask(opened(search_config=config)) == ["a"]
    assert ask(opened(), milvus_search_config=config) == ["a"]
    assert config in ({"radius": 0.9}, {"params": {"radius": 0.9}}), "it was changed"


def test_output_fields_come_besides_the_node(opened: Any, node: Any, answer: Any) -> None:
    opened().add([node("a", colour="red")])
    [plain] = answer(opened()).nodes
    assert (plain.metadata, plain.embedding) == ({"colour": "red"}, None)
    store = opened(output_fields=["doc_id", "embedding", "no such field"])
    for found in (*answer(store).nodes, *store.get_nodes(["a"])):
        assert found.metadata == {"colour": "red", "doc_id": "document"}
        assert found.embedding == [1.0, 0.0]
        assert (found.node_id, found.text) == ("a", "The text of a.")
    query = VectorStoreQuery(query_embedding=[1.0, 0.0], output_fields=["ref_doc_id"])
    [found] = store.query(query).nodes
    assert found.metadata == {"colour": "red", "ref_doc_id": "document"}
    everything = opened(output_fields=["*"])
    [found] = answer(everything).nodes
    assert (found.metadata, found.embedding) == ({"colour": "red"}, [1.0, 0.0])


def test_a_row_that_llama_index_did_not_write_has_the_output_fields_as_metadata(
    opened: Any, node: Any
) -> None:
    store = opened(output_fields=["colour"])
    store.add([node("a")])
    row = {"id": "b", "doc_id": "d", "text": "by hand", "embedding": [1.0, 0.0], "colour": "red"}
    store.client.insert(store.collection_name, [row | {"other": 1}])
    [found] = store.get_nodes(["b"])
    assert (found.text, found.metadata) == ("by hand", {"colour": "red"})


def test_milvus_scalar_filters_restrict_a_query(opened: Any, node: Any, ask: Any) -> None:
    store = opened()
    store.add([node("a", tags=["x", "y"]), node("b", tags=["y"]), node("c")])

    def having(operator: FilterOperatorFunction, value: Any) -> list[str]:
        given = [{"key": "tags", "value": value, "operator": operator}]
        return ask(store, milvus_scalar_filters=given)

    assert having(FilterOperatorFunction.ARRAY_CONTAINS, "x") == ["a"]
    assert having(FilterOperatorFunction.ARRAY_CONTAINS_ANY, ["x", "y"]) == ["a", "b"]
    assert having(FilterOperatorFunction.ARRAY_CONTAINS_ALL, ["x", "y"]) == ["a"]
    assert having(FilterOperatorFunction.ARRAY_LENGTH, 1) == ["b"]
    assert having(FilterOperatorFunction.NARRAY_LENGTH, 1) == ["a", "c"]


def test_without_dense_vectors_there_are_only_words(opened: Any, node: Any, ask: Any) -> None:
    store = opened(enable_dense=False, enable_sparse=True, dim=None, upsert_mode=True)
    store.add([node("a", "apples"), TextNode(id_="b", text="pears")])
    assert ask(store, "sparse", "pears") == ["b"]
    fields = store.client.describe_collection(store.collection_name)["fields"]
    assert "embedding" not in [one["name"] for one in fields]
    for mode in ("default", "mmr", "hybrid"):
        with pytest.raises(InvalidSetting, match=f"enable_dense: .*{mode}"):
            ask(store, mode, "pears")


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


@pytest.mark.parametrize(
    "options",
    [
        {"string_expr": "(("},
        {"mmr_threshold": "much"},
        {"mmr_prefetch_k": 0},
        {"mmr_prefetch_factor": "a"},
        {"mmr_prefetch_k": 1, "mmr_prefetch_factor": 2.0},
        {"milvus_search_config": 3},
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_named(
    opened: Any, node: Any, answer: Any, options: dict[str, Any]
) -> None:
    store = opened()
    store.add([node("a")])

    with pytest.raises(InvalidQuery, match=next(iter(options))):
        answer(store, "mmr", **options)


def test_a_wide_filter_is_answered_and_a_deep_one_is_refused(
    opened: Any, node: Any, ask: Any
) -> None:
    store = opened()
    store.add([node("a", weight=2999), node("b", weight=1)])
    wide = MetadataFilters(
        filters=[MetadataFilter(key="weight", value=number) for number in range(1500, 3000)],
        condition=FilterCondition.OR,
    )
    deep = wide
    for _ in range(900):
        deep = MetadataFilters.model_construct(filters=[deep], condition=FilterCondition.AND)

    query = nearest([1.0, 0.0])
    assert store.query(replace(query, filters=wide)).ids == ["a"]
    with pytest.raises(InvalidFilter, match="deep"):
        store.query(replace(query, filters=deep))


def test_as_many_levels_as_are_allowed_are_answered(opened: Any, node: Any) -> None:
    store = opened()
    store.add([node("a", weight=1)])
    filters = MetadataFilters(filters=[MetadataFilter(key="weight", value=1)])
    for level in range(MAX_NESTED - 1):
        filters = MetadataFilters(
            filters=[filters, MetadataFilter(key="weight", value=1)],
            condition=FilterCondition.OR if level % 2 else FilterCondition.AND,
        )

    assert store.query(replace(nearest([1.0, 0.0]), filters=filters)).ids == ["a"]
