"""Filters as expressions: what is written, and what is refused."""

import re
from typing import Any

import numpy as np
import pytest
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from llama_index.vector_stores.milvus.utils import FilterOperatorFunction
from pymilvus import DataType

from alir.errors import InvalidFilter
from alir.milvus.filters import (
    FilterDialect,
    after,
    among,
    both,
    scalar_expression,
    to_expression,
)

LITE = FilterDialect({"title": DataType.VARCHAR, "labels": DataType.JSON}, negates=False)
SERVER = FilterDialect()
OLD_SERVER = FilterDialect(matches_inside=False)


def filters(condition: str, *parts: MetadataFilter | MetadataFilters) -> MetadataFilters:
    return MetadataFilters(filters=list(parts), condition=condition)


def one(
    key: str,
    value: object,
    operator: FilterOperator = FilterOperator.EQ,
    dialect: FilterDialect = LITE,
) -> str:
    return to_expression(
        filters("and", MetadataFilter.model_construct(key=key, value=value, operator=operator)),
        dialect,
    )


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        (one("page", 3), '$meta["page"] == 3'),
        (one("page", 2.5, FilterOperator.GT), '$meta["page"] > 2.5'),
        (one("draft", value=True), '$meta["draft"] == true'),
        (one("name", 'say "hi"'), '$meta["name"] == "say \\"hi\\""'),
        (one("name", "it's"), '$meta["name"] == "it\'s"'),
        (one("path", "a\\b"), '$meta["path"] == "a\\\\b"'),
        (one("tag", ["a", "b"], FilterOperator.IN), '$meta["tag"] in ["a", "b"]'),
        (one("tag", [1, 2.5], FilterOperator.NIN), '$meta["tag"] not in [1.0, 2.5]'),
        (one("tag", "a", FilterOperator.CONTAINS), 'array_contains($meta["tag"], "a")'),
        (one("tag", ["a"], FilterOperator.ANY), 'array_contains_any($meta["tag"], ["a"])'),
        (one("tag", ["a"], FilterOperator.ALL), 'array_contains_all($meta["tag"], ["a"])'),
        (one("tag", "50%", FilterOperator.TEXT_MATCH), '$meta["tag"] like "%50\\\\%%"'),
        (one("tag", None, FilterOperator.IS_EMPTY), 'array_length($meta["tag"]) == 0'),
        (one('a"] or ["b', 1), '$meta["a\\"] or [\\"b"] == 1'),
        (one("array_length", 1), '$meta["array_length"] == 1'),
        (one("title", "a"), 'title == "a"'),
        (one("labels", "a", FilterOperator.CONTAINS), 'array_contains(labels, "a")'),
        (among("doc_id", ["a", 'b"']), 'doc_id in ["a", "b\\""]'),
        (after("id", "a"), 'id > "a"'),
        (both("a == 1", "", "b == 2"), "(a == 1) and (b == 2)"),
        (both("", "b == 2"), "b == 2"),
        (both("", ""), ""),
        (to_expression(None, LITE), ""),
        (to_expression(MetadataFilters(filters=[]), LITE), ""),
    ],
)
def test_a_filter_is_written_as(expression: str, written: str) -> None:
    assert expression == written


A = MetadataFilter(key="a", value=1)
B = MetadataFilter(key="b", value=[2], operator=FilterOperator.IN)
IS_A, NOT_A = '$meta["a"] == 1', '$meta["a"] != 1'
IN_B, NOT_IN_B = '$meta["b"] in [2]', '$meta["b"] not in [2]'


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (filters("and", A, B), f"({IS_A} and {IN_B})"),
        (filters("or", A, B), f"({IS_A} or {IN_B})"),
        (
            filters("and", filters("or", A, B), filters("and"), A),
            f"(({IS_A} or {IN_B}) and {IS_A})",
        ),
        (filters("not", A, B), f"({NOT_A} and {NOT_IN_B})"),
        (filters("not", filters("or", A, B)), f"({NOT_A} and {NOT_IN_B})"),
        (filters("not", filters("and", A, B)), f"({NOT_A} or {NOT_IN_B})"),
        (filters("not", filters("not", A, B)), f"({IS_A} or {IN_B})"),
        (filters("not", filters("and", A, filters("not", B))), f"({NOT_A} or {IN_B})"),
        (
            filters("not", MetadataFilter(key="a", value=None, operator=FilterOperator.IS_EMPTY)),
            'array_length($meta["a"]) != 0',
        ),
    ],
)
def test_conditions_nest_and_not_means_that_none_of_them_holds(
    given: MetadataFilters, written: str
) -> None:
    assert to_expression(given, LITE) == written


def test_what_only_a_server_can_negate_is_refused_on_milvus_lite() -> None:
    larger = filters("not", MetadataFilter(key="a", value=1, operator=FilterOperator.GT))
    assert to_expression(larger, SERVER) == 'not ($meta["a"] > 1)'
    with pytest.raises(InvalidFilter, match="negates '>', which Milvus Lite cannot"):
        to_expression(larger, LITE)


def test_text_inside_is_not_matched_where_a_server_knows_only_beginnings() -> None:
    with pytest.raises(InvalidFilter, match=r"'text_match', which needs Milvus 2\.4"):
        one("a", "b", FilterOperator.TEXT_MATCH, OLD_SERVER)


def test_a_list_is_not_looked_for_in_a_field_that_holds_none() -> None:
    with pytest.raises(InvalidFilter, match="asks for a list, and the field is a VARCHAR"):
        one("title", "a", FilterOperator.CONTAINS)


def test_milvus_scalar_filters_are_written_as_ours() -> None:
    functions = FilterOperatorFunction
    given = [
        {"key": "a", "value": "x", "operator": functions.ARRAY_CONTAINS},
        {"key": "a", "value": ["x"], "operator": functions.NARRAY_CONTAINS_ANY.value},
        {"key": "a", "value": 2, "operator": functions.ARRAY_LENGTH},
        {"key": "a", "value": 3, "operator": functions.NARRAY_LENGTH},
    ]
    assert scalar_expression(given, SERVER) == (
        '(array_contains($meta["a"], "x")) and (not (array_contains_any($meta["a"], ["x"])))'
        ' and (array_length($meta["a"]) == 2) and (array_length($meta["a"]) != 3)'
    )
    assert scalar_expression([], SERVER) == ""
    for operator in functions:
        value = 1 if "LENGTH" in operator else "x" if "CONTAINS(" in operator else ["x"]
        assert scalar_expression([{"key": "a", "value": value, "operator": operator}], SERVER)
    with pytest.raises(InvalidFilter, match="DROP"):
        scalar_expression([{"key": "a", "value": 1, "operator": "DROP {key}"}], SERVER)


@pytest.mark.parametrize(
    ("key", "value", "operator"),
    [
        ("name", None, FilterOperator.EQ),
        ("name", float("nan"), FilterOperator.EQ),
        ("name", {"a": 1}, FilterOperator.EQ),
        ("name", "not a list", FilterOperator.IN),
        ("name", [], FilterOperator.IN),
        ("name", ["a", 1], FilterOperator.IN),
        ("name", 2**63, FilterOperator.EQ),
        ("name", "", FilterOperator.TEXT_MATCH),
        ("name", 3, FilterOperator.TEXT_MATCH),
        ("name", "a", FilterOperator.TEXT_MATCH_INSENSITIVE),
        ("name", "two\nlines", FilterOperator.EQ),
        ("", "a", FilterOperator.EQ),
        ("a\tb", "a", FilterOperator.EQ),
    ],
)
def test_what_cannot_be_written_is_refused_never_dropped(
    key: str, value: object, operator: FilterOperator
) -> None:
    with pytest.raises(InvalidFilter, match=re.escape(f"The filter on {key!r}")):
        one(key, value, operator)


@pytest.mark.parametrize(
    ("value", "operator", "written"),
    [
        (np.int64(3), "==", '$meta["k"] == 3'),
        (np.float32(1.5), "<", '$meta["k"] < 1.5'),
        (np.bool_(True), "!=", '$meta["k"] != true'),
        (np.array([1, 2]), "in", '$meta["k"] in [1, 2]'),
        ([np.int64(1), 2], "in", '$meta["k"] in [1, 2]'),
        ("it's", "==", '$meta["k"] == "it\'s"'),
    ],
)
def test_numbers_of_numpy_are_numbers(value: Any, operator: str, written: str) -> None:
    one = MetadataFilter.model_construct(key="k", value=value, operator=FilterOperator(operator))
    filters = MetadataFilters.model_construct(filters=[one], condition=FilterCondition.AND)

    assert to_expression(filters, FilterDialect()) == written


@pytest.mark.parametrize(
    ("key", "value"),
    [("k", "a\ud800"), ("\ud800", 1), (3, 1), ("k", b"a"), ("k", 2**70), ("embedding", 1)],
    ids=repr,
)
def test_what_milvus_could_not_read_is_refused_with_its_key(key: Any, value: Any) -> None:
    one = MetadataFilter.model_construct(key=key, value=value, operator=FilterOperator.EQ)
    filters = MetadataFilters.model_construct(filters=[one], condition=FilterCondition.AND)
    dialect = FilterDialect({"embedding": DataType.FLOAT_VECTOR})

    with pytest.raises(InvalidFilter, match=re.escape(repr(str(key)))):
        to_expression(filters, dialect)


@pytest.mark.parametrize("ids", [[3], [None], [b"a"], ["a\ud800"]], ids=repr)
def test_ids_that_are_no_text_are_refused(ids: list[Any]) -> None:
    with pytest.raises(InvalidFilter, match="'id'"):
        among("id", ids)
