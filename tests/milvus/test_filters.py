"""Filters as expressions: what is written, and what is refused."""

import pytest
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from alir.errors import InvalidFilter
from alir.milvus.filters import among, both, to_expression


def one(key: str, value: object, operator: FilterOperator = FilterOperator.EQ) -> str:
    return to_expression(
        MetadataFilters(
            filters=[MetadataFilter.model_construct(key=key, value=value, operator=operator)]
        )
    )


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        (one("page", 3), "page == 3"),
        (one("page", 2.5, FilterOperator.GT), "page > 2.5"),
        (one("draft", value=True), "draft == true"),
        (one("name", 'say "hi"'), 'name == "say \\"hi\\""'),
        (one("name", "it's"), 'name == "it\'s"'),
        (one("path", "a\\b"), 'path == "a\\\\b"'),
        (one("tag", ["a", 1], FilterOperator.IN), 'tag in ["a", 1]'),
        (one("tag", ["a"], FilterOperator.NIN), 'tag not in ["a"]'),
        (one("tag", "a", FilterOperator.CONTAINS), 'array_contains(tag, "a")'),
        (one("tag", ["a", "b"], FilterOperator.ANY), 'array_contains_any(tag, ["a", "b"])'),
        (one("tag", ["a"], FilterOperator.ALL), 'array_contains_all(tag, ["a"])'),
        (one("text", "50%", FilterOperator.TEXT_MATCH), 'text like "%50\\\\%%"'),
        (one("tag", None, FilterOperator.IS_EMPTY), "array_length(tag) == 0"),
        (one("a key", 1), '$meta["a key"] == 1'),
        (one('a"] or ["b', 1), '$meta["a\\"] or [\\"b"] == 1'),
        (among("doc_id", ["a", 'b"']), 'doc_id in ["a", "b\\""]'),
        (both("a == 1", "", "b == 2"), "(a == 1) and (b == 2)"),
        (both("", "b == 2"), "b == 2"),
        (both("", ""), ""),
        (to_expression(None), ""),
        (to_expression(MetadataFilters(filters=[])), ""),
    ],
)
def test_a_filter_is_written_as(expression: str, written: str) -> None:
    assert expression == written


def test_conditions_nest() -> None:
    either = MetadataFilters(
        filters=[MetadataFilter(key="a", value=1), MetadataFilter(key="b", value=2)],
        condition=FilterCondition.OR,
    )
    never = MetadataFilters(
        filters=[MetadataFilter(key="c", value=3)], condition=FilterCondition.NOT
    )
    filters = MetadataFilters(filters=[either, never, MetadataFilters(filters=[])])
    assert to_expression(filters) == "((a == 1 or b == 2) and c != 3)"


def test_a_negation_reaches_the_comparisons() -> None:
    a, b = MetadataFilter(key="a", value=1), MetadataFilter(key="b", value=[2], operator="in")

    def of(condition: str, *filters: MetadataFilter | MetadataFilters) -> MetadataFilters:
        return MetadataFilters(filters=list(filters), condition=condition)

    assert to_expression(of("not", a, b)) == "(a != 1 or b not in [2])"
    assert to_expression(of("not", of("or", a, b))) == "(a != 1 and b not in [2])"
    assert to_expression(of("not", of("and", a, b))) == "(a != 1 or b not in [2])"
    assert to_expression(of("not", of("not", a, b))) == "(a == 1 and b in [2])"
    with pytest.raises(InvalidFilter, match="negates 'contains'"):
        to_expression(of("not", MetadataFilter(key="a", value="x", operator="contains")))


@pytest.mark.parametrize(
    ("key", "value", "operator"),
    [
        ("name", None, FilterOperator.EQ),
        ("name", float("nan"), FilterOperator.EQ),
        ("name", {"a": 1}, FilterOperator.EQ),
        ("name", "not a list", FilterOperator.IN),
        ("name", [], FilterOperator.IN),
        ("name", 3, FilterOperator.TEXT_MATCH),
        ("name", "a", FilterOperator.TEXT_MATCH_INSENSITIVE),
        ("name", "two\nlines", FilterOperator.EQ),
        ("", "a", FilterOperator.EQ),
    ],
)
def test_what_cannot_be_written_is_refused_never_dropped(
    key: str, value: object, operator: FilterOperator
) -> None:
    with pytest.raises(InvalidFilter, match=f"The filter on {key!r}"):
        one(key, value, operator)
