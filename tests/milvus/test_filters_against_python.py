"""Every filter, on Milvus Lite and a real server, against the same filter in plain Python.

`matches` is the definition of what filters mean here, missing keys and other kinds included.
"""

from collections.abc import Callable, Iterator
from itertools import product
from operator import ge, gt, le, lt
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)

from alir import AlirMilvusStore
from alir.errors import InvalidFilter

KEYS = ["a", "b", 'odd "key"', "like"]
TEXTS = [
    "",
    "a",
    "ab",
    "b",
    "B",
    "é",
    "漢字",
    "it's",
    'say "hi"',
    "50%",
    "a_b",
    "back\\slash",
    "\t",
]
NUMBERS = [-1, 0, 1, 2, 3, 2.0, 2.5, -0.5, 1e-7, 2**53]

METADATA: list[dict[str, Any]] = [
    {},
    *({key: value} for key in KEYS for value in ("a", 2, ["a"], ["a", "b"])),
    *({"a": value} for value in [*TEXTS, *NUMBERS, True, False, None, [], {"x": 1}]),
    *({"b": value} for value in (["a"], ["ab", "é"], [1, 2], [2.5], [1, "a"], [], None, "b", 3)),
    *({"a": text, "b": number} for text, number in zip(TEXTS, NUMBERS, strict=False)),
]


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def equal(one: Any, other: Any) -> bool:
    return kind(one) == kind(other) and one == other


def compares(order: Callable[[Any, Any], bool], value: Any, given: Any) -> bool:
    if kind(value) != kind(given):
        return False
    if isinstance(value, str):
        return order(value.encode(), given.encode())
    return order(value, given)


def is_any_of(value: Any, given: list[Any]) -> bool:
    return any(equal(value, one) for one in given)


def elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


MEANINGS: dict[FilterOperator, Callable[[Any, Any], bool]] = {
    FilterOperator.EQ: equal,
    FilterOperator.NE: lambda value, given: not equal(value, given),
    FilterOperator.GT: lambda value, given: compares(gt, value, given),
    FilterOperator.GTE: lambda value, given: compares(ge, value, given),
    FilterOperator.LT: lambda value, given: compares(lt, value, given),
    FilterOperator.LTE: lambda value, given: compares(le, value, given),
    FilterOperator.IN: is_any_of,
    FilterOperator.NIN: lambda value, given: not is_any_of(value, given),
    FilterOperator.CONTAINS: lambda value, given: is_any_of(given, elements(value)),
    FilterOperator.ANY: lambda value, given: any(is_any_of(v, given) for v in elements(value)),
    FilterOperator.ALL: lambda value, given: all(is_any_of(g, elements(value)) for g in given),
    FilterOperator.TEXT_MATCH: lambda value, given: isinstance(value, str) and given in value,
    FilterOperator.IS_EMPTY: lambda value, _: elements(value) == [],
}


def matches(metadata: dict[str, Any], filters: MetadataFilters) -> bool:
    results = [
        matches(metadata, one)
        if isinstance(one, MetadataFilters)
        else MEANINGS[one.operator](metadata.get(one.key), one.value)
        for one in filters.filters
    ]
    if filters.condition == FilterCondition.OR:
        return any(results)
    if filters.condition == FilterCondition.NOT:
        return not any(results)
    return all(results)


NEGATED_EVERYWHERE = {
    FilterOperator.EQ,
    FilterOperator.NE,
    FilterOperator.IN,
    FilterOperator.NIN,
    FilterOperator.IS_EMPTY,
}


def is_refused(filters: MetadataFilters, *, is_lite: bool, negated: bool = False) -> bool:
    """Whether this Milvus has no words for it: all that is ever refused of well-formed filters."""
    negated = negated != (filters.condition == FilterCondition.NOT)
    return any(
        is_refused(one, is_lite=is_lite, negated=negated)
        if isinstance(one, MetadataFilters)
        else (is_lite and negated and one.operator not in NEGATED_EVERYWHERE)
        or (not is_lite and one.operator == FilterOperator.TEXT_MATCH)
        for one in filters.filters
    )


def test_these_nodes_tell_every_operator_and_its_opposite_apart() -> None:
    given = {FilterOperator.IN: ["a"], FilterOperator.NIN: ["a"], FilterOperator.ANY: ["a"]}
    given |= {FilterOperator.ALL: ["a", "b"], FilterOperator.IS_EMPTY: None}
    answers = {
        operator: tuple(
            MEANINGS[operator](metadata.get("a"), given.get(operator, "a")) for metadata in METADATA
        )
        for operator in MEANINGS
    }
    for same_with_one_value in (FilterOperator.IN, FilterOperator.NIN, FilterOperator.ANY):
        answers.pop(same_with_one_value)
    assert len(set(answers.values())) == len(answers)
    assert all(len(set(answer)) == 2 for answer in answers.values())


LISTS = st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3) | st.lists(
    st.sampled_from(NUMBERS), min_size=1, max_size=3
)
SCALARS = st.sampled_from(TEXTS + NUMBERS) | st.text(
    st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=4
)


@st.composite
def comparisons(draw: st.DrawFn) -> MetadataFilter:
    operator = draw(st.sampled_from(list(MEANINGS)))
    if operator in {FilterOperator.IN, FilterOperator.NIN, FilterOperator.ANY, FilterOperator.ALL}:
        value = draw(LISTS)
    elif operator == FilterOperator.IS_EMPTY:
        value = None
    elif operator == FilterOperator.TEXT_MATCH:
        value = draw(st.sampled_from(TEXTS[1:]))
    else:
        value = draw(SCALARS)
    return MetadataFilter(key=draw(st.sampled_from(KEYS)), value=value, operator=operator)


def groups(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[MetadataFilters]:
    return st.builds(
        MetadataFilters,
        filters=st.lists(parts, min_size=1, max_size=3),
        condition=st.sampled_from(FilterCondition),
    )


FILTERS = groups(st.recursive(comparisons(), groups, max_leaves=4))


@pytest.fixture(scope="module", params=["lite", "server"])
def store(request: pytest.FixtureRequest) -> Iterator[AlirMilvusStore]:
    """A store of one node for each of METADATA, named by its place there."""
    where = "lite_file" if request.param == "lite" else "milvus_server"
    place = request.getfixturevalue(where)
    uri = str(place) if request.param == "lite" else place.uri
    store = AlirMilvusStore(uri, collection_name=f"filters_{uuid4().hex[:12]}", dim=2)
    store.add(
        [
            TextNode(id_=str(number), text="text", metadata=metadata, embedding=[1.0, 0.0])
            for number, metadata in enumerate(METADATA)
        ]
    )
    yield store
    store.close()


def found(store: AlirMilvusStore, filters: MetadataFilters) -> set[int]:
    query = VectorStoreQuery(
        query_embedding=[1.0, 0.0], similarity_top_k=len(METADATA), filters=filters
    )
    ids = store.query(query).ids or []
    assert len(ids) == len(set(ids))
    return {int(one) for one in ids}


def expected(filters: MetadataFilters) -> set[int]:
    return {number for number, metadata in enumerate(METADATA) if matches(metadata, filters)}


def check(store: AlirMilvusStore, filters: MetadataFilters) -> None:
    if is_refused(filters, is_lite=store.connection.is_lite):
        with pytest.raises(InvalidFilter):
            found(store, filters)
    else:
        assert found(store, filters) == expected(filters)


# A query takes 1 to 10 ms: many small examples cost less than one more collection.
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(filters=FILTERS)
def test_a_filter_finds_what_the_same_filter_in_python_finds(
    store: AlirMilvusStore, filters: MetadataFilters
) -> None:
    check(store, filters)


@pytest.mark.parametrize("operator", MEANINGS)
def test_every_operator_alone_finds_what_python_finds(
    store: AlirMilvusStore, operator: FilterOperator
) -> None:
    values: list[Any] = ["a", 2, 2.5, ""]
    if operator in {FilterOperator.IN, FilterOperator.NIN, FilterOperator.ANY, FilterOperator.ALL}:
        values = [["a"], ["a", "b"], [2, 1], [2.5, 2.0]]
    if operator == FilterOperator.IS_EMPTY:
        values = [None]
    if operator == FilterOperator.TEXT_MATCH:
        values = ["a", "%", "_", "\\"]
    for condition, key, value in product(FilterCondition, KEYS, values):
        one = MetadataFilter(key=key, value=value, operator=operator)
        check(store, MetadataFilters(filters=[one], condition=condition))


def test_no_operator_is_left_out() -> None:
    assert set(FilterOperator) - set(MEANINGS) == {FilterOperator.TEXT_MATCH_INSENSITIVE}


def test_the_one_operator_that_milvus_does_not_have_is_refused(store: AlirMilvusStore) -> None:
    one = MetadataFilter(key="a", value="A", operator=FilterOperator.TEXT_MATCH_INSENSITIVE)
    with pytest.raises(InvalidFilter, match="'text_match_insensitive', which Milvus does not have"):
        found(store, MetadataFilters(filters=[one]))


def test_get_nodes_and_delete_nodes_filter_alike(store: AlirMilvusStore) -> None:
    missing = MetadataFilters(filters=[MetadataFilter(key="a", value="a", operator="!=")])
    got = {int(node.node_id) for node in store.get_nodes(filters=missing)}
    assert got == found(store, missing) == expected(missing)
    nothing = MetadataFilters(filters=[MetadataFilter(key="none", value="a")])
    store.delete_nodes(filters=nothing)
    assert found(store, missing) == expected(missing)
