"""LlamaIndex metadata filters as Milvus boolean expressions: the only place that writes one.

Every value is escaped, and what cannot be expressed is refused, never dropped: a filter that
silently disappears returns other people's rows.
Grammar: https://milvus.io/docs/boolean.md

What Milvus Lite 2.5 and Milvus 2.3 answer alike, of a row whose metadata has no such key, null
there, or a value of another kind (text, number, boolean, list):
- `==`, `<`, `<=`, `>`, `>=`, `in`, `text_match`, `contains`, `any` and `all` do not match it;
- `!=` and `nin` match it: they are the exact opposites of `==` and `in`;
- `is_empty` matches whatever is not a list with something in it: text and numbers, too.
Numbers are compared across int and float, text by its UTF-8 bytes. `text_match` finds a text
anywhere (MilvusVectorStore: at the beginning). A `not` matches when none of its filters does, as
in LlamaIndex's own stores.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from pymilvus import DataType

from alir.errors import InvalidFilter

_COMPARISONS = {
    FilterOperator.EQ: "==",
    FilterOperator.NE: "!=",
    FilterOperator.GT: ">",
    FilterOperator.GTE: ">=",
    FilterOperator.LT: "<",
    FilterOperator.LTE: "<=",
}
_LISTS = {FilterOperator.IN: "in", FilterOperator.NIN: "not in"}
_ARRAYS = {
    FilterOperator.CONTAINS: "array_contains",
    FilterOperator.ANY: "array_contains_any",
    FilterOperator.ALL: "array_contains_all",
}
_OPPOSITES = {
    FilterOperator.EQ: FilterOperator.NE,
    FilterOperator.NE: FilterOperator.EQ,
    FilterOperator.IN: FilterOperator.NIN,
    FilterOperator.NIN: FilterOperator.IN,
}
_OF_LISTS = {*_ARRAYS, FilterOperator.IS_EMPTY}
_SCALAR_LISTS = {
    "ARRAY_CONTAINS({key}, {value})": "contains",
    "ARRAY_CONTAINS_ANY({key}, {value})": "any",
    "ARRAY_CONTAINS_ALL({key}, {value})": "all",
}
_SCALAR_LENGTHS = {
    "ARRAY_LENGTH({key}) == {value}": "==",
    "ARRAY_LENGTH({key}) != {value}": "!=",
}


@dataclass(frozen=True, slots=True)
class FilterDialect:
    """The fields and operators that filters can use, in one collection on one Milvus."""

    fields: Mapping[str, DataType] = field(default_factory=dict)
    """The fields of the schema; every other key is of the metadata."""
    negates: bool = True
    """Whether there is `not (...)`: not in Milvus Lite."""
    matches_inside: bool = True
    """Whether `like` finds text in the middle: not before Milvus 2.4."""


def to_expression(
    filters: MetadataFilters | None, dialect: FilterDialect, *, negated: bool = False
) -> str:
    """Return the Milvus expression of `filters`; the empty string when there are none.

    Raises:
        InvalidFilter: a key, value or operator that Milvus, or this Milvus, cannot express.
    """
    if filters is None or not filters.filters:
        return ""
    if filters.condition == FilterCondition.NOT:
        negated = not negated
    # By De Morgan's laws a negation is carried down: Milvus Lite can say some of it only there.
    either = (filters.condition in {FilterCondition.OR, FilterCondition.NOT}) != negated
    parts = [
        to_expression(part, dialect, negated=negated)
        if isinstance(part, MetadataFilters)
        else _comparison(part, dialect, negated=negated)
        for part in filters.filters
    ]
    parts = [part for part in parts if part]
    return f"({(' or ' if either else ' and ').join(parts)})" if len(parts) > 1 else "".join(parts)


def scalar_expression(filters: Sequence[Mapping[str, Any]], dialect: FilterDialect) -> str:
    """Return the Milvus expression of `milvus_scalar_filters`, MilvusVectorStore's second kind.

    Args:
        filters: each with a `key`, a `value` and a `FilterOperatorFunction` as `operator`.

    Raises:
        InvalidFilter: as for `to_expression`.
    """
    return both(*(_scalar_filter(one, dialect) for one in filters))


def among(field_name: str, values: Sequence[str]) -> str:
    """Return the expression that a field of the schema is one of `values`."""
    return f"{field_name} in {_list(field_name, values)}"


def after(field_name: str, value: str, expression: str = "") -> str:
    """Return `expression` of the rows in which a field comes after `value`, by bytes."""
    return both(f"{field_name} > {_quoted(field_name, value)}", expression)


def both(*expressions: str) -> str:
    """Return the conjunction of the expressions that are not empty."""
    present = [expression for expression in expressions if expression]
    return " and ".join(f"({part})" for part in present) if len(present) > 1 else "".join(present)


def name_of(key: str, dialect: FilterDialect) -> str:
    """Return how an expression names `key`: a field of the schema, or a key of the metadata."""
    if key in dialect.fields:
        return key
    if not key or any(ord(character) < ord(" ") for character in key):
        raise InvalidFilter(key, "has an empty key, or one with a control character")
    # Never bare: `array_length == 1` ends the process of Milvus Lite, and `in` is no name.
    return f"$meta[{_quoted(key, key)}]"


def _comparison(one: MetadataFilter, dialect: FilterDialect, *, negated: bool) -> str:
    operator = one.operator
    if negated and operator in _OPPOSITES:
        operator, negated = _OPPOSITES[operator], False
    name = name_of(one.key, dialect)
    if operator in _OF_LISTS and one.key in dialect.fields:
        _need_list(one.key, dialect.fields[one.key])
    if operator == FilterOperator.IS_EMPTY:
        return f"array_length({name}) {'!=' if negated else '=='} 0"
    expression = _positive(name, one.key, operator, one.value, dialect)
    if not negated:
        return expression
    if not dialect.negates:
        raise InvalidFilter(
            one.key, f"negates {operator.value!r}, which Milvus Lite cannot; a Milvus server can"
        )
    return f"not ({expression})"


def _positive(
    name: str, key: str, operator: FilterOperator, value: Any, dialect: FilterDialect
) -> str:
    if operator in _COMPARISONS:
        return f"{name} {_COMPARISONS[operator]} {_value(key, value)}"
    if operator in _LISTS:
        return f"{name} {_LISTS[operator]} {_list(key, value)}"
    if operator == FilterOperator.CONTAINS:
        return f"{_ARRAYS[operator]}({name}, {_value(key, value)})"
    if operator in _ARRAYS:
        return f"{_ARRAYS[operator]}({name}, {_list(key, value)})"
    if operator == FilterOperator.TEXT_MATCH:
        if not dialect.matches_inside:
            raise InvalidFilter(key, "uses 'text_match', which needs Milvus 2.4 or newer")
        return f"{name} like {_pattern(key, value)}"
    raise InvalidFilter(key, f"uses {operator.value!r}, which Milvus does not have")


def _need_list(key: str, kind: DataType) -> None:
    if kind not in {DataType.ARRAY, DataType.JSON}:
        raise InvalidFilter(key, f"asks for a list, and the field is a {kind.name}")


def _value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(key, value)
    if isinstance(value, int) and -(2**63) < value < 2**63:
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise InvalidFilter(
        key, f"compares with {value!r}; use a string, a number of 64 bits or a boolean"
    )


def _list(key: str, values: object) -> str:
    if not isinstance(values, list | tuple | set | frozenset):
        raise InvalidFilter(key, f"needs a list, not {values!r}")
    if not values:
        # Milvus Lite fails on one, with a message about fields.
        raise InvalidFilter(key, "compares with an empty list, which nothing is in")
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        values = [float(value) for value in values]
    elif len(kinds) > 1:
        raise InvalidFilter(key, "compares with a list of several kinds of values")
    return f"[{', '.join(_value(key, value) for value in values)}]"


def _pattern(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidFilter(key, f"matches text, not {value!r}")
    if not value:
        # Milvus Lite finds it nowhere, a server everywhere.
        raise InvalidFilter(key, "matches an empty text")
    # % and _ are wildcards inside `like`; the text itself is meant.
    literal = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return _quoted(key, f"%{literal}%")


def _quoted(key: str, text: str) -> str:
    if "\n" in text or "\r" in text:
        # A server reads an escape where Milvus Lite reads a letter, and neither takes the raw one.
        raise InvalidFilter(key, "compares with a line break, which Milvus cannot do")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _scalar_filter(one: Mapping[str, Any], dialect: FilterDialect) -> str:
    key, value = str(one["key"]), one["value"]
    # Equal to its text, and hashed as it: a FilterOperatorFunction is a str.
    operator = one.get("operator", next(iter(_SCALAR_LISTS)))
    if operator in _SCALAR_LENGTHS and isinstance(value, int):
        return f"array_length({name_of(key, dialect)}) {_SCALAR_LENGTHS[operator]} {value}"
    negated = operator.startswith("not ")
    meant = _SCALAR_LISTS.get(operator.removeprefix("not "))
    if meant is None:
        raise InvalidFilter(key, f"uses {operator!r} with {value!r}, which Milvus does not have")
    condition = FilterCondition.NOT if negated else FilterCondition.AND
    listed = MetadataFilter(key=key, value=value, operator=meant)
    return to_expression(MetadataFilters(filters=[listed], condition=condition), dialect)
